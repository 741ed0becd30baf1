"""The files of one monitor: names in a folder that nothing else has."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any


class Files:
    """Tables and other files of one fit.

    No file that is there already is written to, save where a fit continues: its own tables, told by
    their content, are then cut to what they held. Where a name is taken all names get a number, signal-2.csv,
    histograms-2.csv, findings-2.json. A table that another program has written to gets no more rows.

    Args:
        folder: None keeps no files.
        tables: name -> columns; the first table's name is claimed for the whole set.
        others: names of further files, which their writers replace as a whole.
    """

    def __init__(self, folder: Path | None, tables: Mapping[str, Sequence[str]], others: Sequence[str] = ()) -> None:
        self.folder = folder
        self.number: int | None = None  # None: not claimed yet
        self._tables = tables
        self._others = others
        self._written: dict[str, tuple[int, int]] = {}  # of each table: bytes, their crc32

    def path(self, name: str) -> Path | None:
        """Where the file of that name is in this set; None before a claim, and where no files are kept."""
        if self.folder is None or self.number is None:
            return None
        return self._numbered(name, self.number)

    def append(self, name: str, lines: str) -> None:
        """Add lines of CSV text to a table; nothing where no files are kept."""
        path = self.path(name)
        if path is None or not lines:
            return
        length, _ = self._written.get(name, (0, 0))
        if not length:
            lines = _heading(self._tables[name]) + lines
        elif path.stat().st_size != length:
            raise OSError(f"another program has written to {path}")
        with open(path, "a" if length else "x", newline="", encoding="utf-8") as file:
            file.write(lines)
        self._count(name, lines)

    def _count(self, name: str, lines: str) -> None:
        length, crc = self._written.get(name, (0, 0))
        data = lines.encode()
        self._written[name] = length + len(data), zlib.crc32(data, crc)

    def claim(self) -> None:
        """Take the first number that is free. A table of this name, with its heading, shows others that it is taken."""
        if self.folder is None or self.number is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        first, *more = [*self._tables, *self._others]
        heading = _heading(self._tables[first])
        for number in count(1):
            if any(self._numbered(name, number).exists() for name in more):
                continue
            try:
                with open(self._numbered(first, number), "x", newline="") as file:  # of two at once one gets it
                    file.write(heading)
            except FileExistsError:
                continue
            self.number = number
            self._count(first, heading)
            return

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: the number, and of each table its length and crc32."""
        return {"number": self.number, "written": {name: list(what) for name, what in self._written.items()}}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue the tables as they were at that state, without what they hold beyond; where they do not begin with
        what was written then, they are of another run, and a name is claimed as at a start."""
        if self.folder is None:
            return
        state = state if "written" in state else self._as_they_are(state["number"])
        if state["number"] is None:
            return
        for name, (length, crc) in state["written"].items():
            path = self._numbered(name, state["number"])
            if not path.is_file():
                return
            with open(path, "rb") as file:
                if zlib.crc32(file.read(length)) != crc:
                    return
        for name in self._tables:
            path, (length, _) = self._numbered(name, state["number"]), state["written"].get(name, (0, 0))
            if length:
                os.truncate(path, length)
            elif path.is_file() and path.read_bytes().startswith(_heading(self._tables[name]).encode()):
                path.unlink()  # its first row came later
        self.number = state["number"]
        self._written = {name: (length, crc) for name, (length, crc) in state["written"].items()}

    def _as_they_are(self, number: int) -> dict[str, Any]:
        """The state of a checkpoint from before there was one: tables with their headings, which the run has cut."""
        written = {}
        for name, columns in self._tables.items():
            path = self._numbered(name, number)
            content = path.read_bytes() if path.is_file() else b""
            if content.startswith(_heading(columns).encode()):
                written[name] = [len(content), zlib.crc32(content)]
        return {"number": number if written else None, "written": written}

    def _numbered(self, name: str, number: int) -> Path:
        assert self.folder is not None
        path = self.folder / name
        return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def _heading(columns: Sequence[str]) -> str:
    return ",".join(columns) + "\r\n"
