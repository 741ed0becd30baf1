"""Rows of figures in a CSV file, written as they come."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class RowWriter:
    """Append rows to a CSV file with fixed columns; what `write` was given is on its way to the disk when it returns.

    The file is opened at the first row, so a run that records nothing leaves none. Floats are written with
    `repr`, the shortest text that reads back as the same number.
    """

    def __init__(self, path: str | Path, columns: Iterable[str]) -> None:
        self.path = Path(path)
        self.columns = tuple(columns)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write `rows` in one call to the system, so that a kill never leaves half a row of an earlier call."""
        text = io.StringIO()
        csv.DictWriter(text, self.columns, restval="").writerows(rows)
        self.append(text.getvalue())

    def append(self, lines: str) -> None:
        """Write rows that are CSV text already, each ending in a line feed."""
        new = not self.path.exists()
        with open(self.path, "a", newline="") as file:
            file.write((",".join(self.columns) + "\r\n" if new else "") + lines)
