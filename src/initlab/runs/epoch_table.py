"""metrics.csv: a row an epoch, a column a metric."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.runs.atomic import whole_file
from initlab.runs.reading import MOST_ROWS, read_file

FIRST = ("epoch", "step")


class EpochTable:
    """Rows of numbers in a CSV file, with a column for every name that any row has; a cell is empty where its epoch has
    no such number.

    A row is appended in one call to the system. A new column, or a change of the last row, writes the whole file again,
    to a file next to it that takes its name when it is complete.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._rows = read_epochs(self.path)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._rows[0]) if self._rows else ()

    def add(self, row: Mapping[str, Any]) -> None:
        """Append the row of an epoch."""
        known = self.columns
        self._widen(row)
        self._rows.append([_cell(row.get(name)) for name in self.columns])
        if self.columns != known:
            self._write()
        else:
            with open(self.path, "a", newline="") as file:
                file.write(_text(self._rows[-1:]))

    def amend(self, numbers: Mapping[str, Any]) -> None:
        """Put numbers into the last row, where there is one."""
        if len(self._rows) < 2:
            return
        before = self._rows[-1]
        self._widen(numbers)
        last = dict(zip(self.columns, self._rows[-1], strict=True))
        last |= {name: _cell(value) for name, value in numbers.items()}
        self._rows[-1] = list(last.values())
        if self._rows[-1] != before:
            self._write()

    def state_dict(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "rows": max(0, len(self._rows) - 1)}

    def _widen(self, names: Iterable[str]) -> None:
        """Add columns for the names that have none: epoch, step, then by name."""
        known = self.columns
        columns = [*FIRST, *sorted({*known, *names} - set(FIRST))]
        if tuple(columns) != known:
            old = (dict(zip(known, row, strict=True)) for row in self._rows[1:])
            self._rows = [columns, *([row.get(name, "") for name in columns] for row in old)]

    def _write(self) -> None:
        with whole_file(self.path) as file:
            file.write(_text(self._rows).encode())


def cut_back_table(path: Path, state: Mapping[str, Any]) -> bool:
    """Make the file what it was when `EpochTable.state_dict` gave `state`: later rows go, and later columns.

    Gives whether all that it held then was still there.
    """
    rows = read_epochs(path)
    if not state["rows"]:
        path.unlink(missing_ok=True)
        return True
    kept = rows[: 1 + state["rows"]]
    places = [rows[0].index(name) for name in state["columns"] if name in rows[0]] if rows else []
    text = _text([row[i] for i in places] for row in kept).encode()
    if not path.exists() or path.read_bytes() != text:
        with whole_file(path) as file:
            file.write(text)
    return len(kept) == 1 + state["rows"] and len(places) == len(state["columns"])


def has_other_numbers(path: Path, state: Any, numbers: Any) -> bool:
    """Whether the row that was the file's last at `state`, as `EpochTable.state_dict` gave it, has other means over the
    training batches than `numbers`. Where either is not known, none are other.

    An epoch that a GPU trained again may differ in the fourth digit.
    """
    if not (isinstance(state, Mapping) and isinstance(state.get("rows"), int) and isinstance(numbers, Mapping)):
        return False
    try:
        rows = read_epochs(path)
    except UserError:
        return False
    if not 0 < state["rows"] < len(rows):
        return False
    row = dict(zip(rows[0], rows[state["rows"]], strict=True))
    both = {
        name: (row[name], value) for name, value in numbers.items() if str(name).startswith("train/") and name in row
    }
    try:
        pairs = [(float(there), float(here)) for there, here in both.values()]
    except (TypeError, ValueError):
        return False
    return any(not math.isclose(a, b, rel_tol=1e-3) and not (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def read_epochs(path: Path) -> list[list[str]]:
    """The heading and the whole rows of a file; nothing where there is none."""
    try:
        text = read_file(path, MOST_ROWS).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):  # a cell without end
        rows.extend(row for row in csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline="")) if row)
    return [row for row in rows if len(row) == len(rows[0])]


def _text(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    """As short as reads back as the same number."""
    return "" if value is None else repr(value)
