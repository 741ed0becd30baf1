"""The files of one monitor: names in a folder that nothing else has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from initlab.runs.atomic import whole_file
from initlab.runs.rows import RowWriter, heading


class Files:
    """Tables and other files of one fit.

    No file that is there already is written to, whoever made it, save where a fit continues: its own tables are then
    cut to the steps before, told by their headings. Where a name is taken all names get a number, signal-2.csv,
    histograms-2.csv, findings-2.json.

    Args:
        folder: None keeps no files.
        tables: name -> columns; the first table's name is claimed for the whole set. Their first column is the step.
        others: names of further files, which their writers replace as a whole.
    """

    def __init__(self, folder: Path | None, tables: Mapping[str, Sequence[str]], others: Sequence[str] = ()) -> None:
        self.folder = folder
        self.number: int | None = None  # None: not claimed yet
        self._tables = tables
        self._others = others

    def path(self, name: str) -> Path | None:
        """Where the file of that name is in this set; None before a claim, and where no files are kept."""
        if self.folder is None or self.number is None:
            return None
        return self._numbered(name, self.number)

    def table(self, name: str) -> RowWriter | None:
        path = self.path(name)
        return None if path is None else RowWriter(path, self._tables[name])

    def claim(self) -> None:
        """Take the first number that is free. A table of this name, with its heading, shows others that it is taken."""
        if self.folder is None or self.number is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        first, *more = [*self._tables, *self._others]
        for number in count(1):
            if any(self._numbered(name, number).exists() for name in more):
                continue
            try:
                with open(self._numbered(first, number), "x", newline="") as file:  # of two at once one gets it
                    file.write(RowWriter(file.name, self._tables[first]).heading)
            except FileExistsError:
                continue
            self.number = number
            return

    def resume(self, number: int, step: int) -> None:
        """Continue the tables of that number, without what they hold of steps from `step` on; where there is no such
        table, claim later as at a start."""
        first = next(iter(self._tables))
        if self.folder is None or heading(self._numbered(first, number)) != tuple(self._tables[first]):
            return
        self.number = number
        for name, columns in self._tables.items():
            path = self._numbered(name, number)
            if heading(path) == tuple(columns):
                with open(path, "rb") as old, whole_file(path) as new:
                    new.write(next(old, b""))
                    new.writelines(line for line in old if line.endswith(b"\n") and int(line.split(b",", 1)[0]) < step)

    def _numbered(self, name: str, number: int) -> Path:
        assert self.folder is not None
        path = self.folder / name
        return path if number == 1 else path.with_stem(f"{path.stem}-{number}")
