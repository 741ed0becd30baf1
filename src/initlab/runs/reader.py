"""The files of one folder, read strictly or as far as they can be."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.errors import UserError
from initlab.runs.epoch_table import read_epochs
from initlab.runs.reading import MOST_ROWS, check_yaml, read_file, read_json, read_text

if TYPE_CHECKING:
    import pandas as pd

# The tables of a run: their columns, and of what type each is.
METRICS = {"epoch": "int64", "step": "int64"}  # and a column of numbers for each metric
SIGNAL = {"step": "int64", "layer": "category", "quantity": "category", "value": "float64"}
HISTOGRAMS = {"step": "int64", "layer": "str", "low": "float64", "high": "float64", "counts": "str"}
TEXTS = ("str", "category")  # types of columns that hold no numbers
MIDLINE = "{} ends in mid-line: it is being written, or its run was stopped while writing; the last line is left out"


class Reader:
    """What a file holds, or what stands for nothing where there is none.

    A broken one is a UserError in one sentence; a `lenient` reader leaves it out, and the sentence joins `troubles`.
    """

    def __init__(self, folder: Path, lenient: bool = False) -> None:
        self.folder, self.lenient = folder, lenient
        self.troubles: list[str] = []

    def json(self, name: str, kind: type[Any]) -> Any:
        """An object of `kind` (dict or list), or None."""
        try:
            return read_json(self.folder / name, kind)
        except FileNotFoundError:
            return None
        except UserError as error:
            return self._refuse(error)

    def text(self, name: str) -> str:
        try:
            return read_text(self.folder / name)
        except FileNotFoundError:
            return ""
        except UserError as error:
            self._refuse(error)
            return ""

    def yaml(self, name: str) -> dict[str, Any]:
        """A mapping of plain values; what they are is not looked at."""
        import yaml

        text, path = self.text(name), self.folder / name
        try:
            check_yaml(text, path)
            content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if text else {}
            if not isinstance(content, dict):
                raise UserError(f"{path}: must hold a mapping, it was altered")
            return content
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            what = error if isinstance(error, UserError) else f"{path}: not whole YAML, it was cut off or altered"
            self._refuse(what)
            return {}

    def epochs(self, name: str) -> list[dict[str, str]]:
        """The cells of each whole line of metrics.csv, as they were written."""
        try:
            names, *lines = read_epochs(self.folder / name) or [[]]
        except UserError as error:
            self._refuse(error)
            return []
        return [dict(zip(names, cells, strict=True)) for cells in lines]

    def table(self, name: str, types: Mapping[str, str], others: bool = False) -> pd.DataFrame:
        """The whole lines of a CSV file, every float as it was written; a last line that was cut off is left out.

        types: of the columns that it must have: int64 (whole numbers from 0), float64, str or category.
        others: the columns besides are numbers, and taken too.

        Of a lenient reader a line with a word where a number should be, or with too many cells, is left out.
        """
        import pandas as pd

        nothing = pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in types.items()})
        try:
            content = read_file(self.folder / name, MOST_ROWS)
        except FileNotFoundError:
            return nothing
        except UserError as error:
            self._refuse(error)
            return nothing
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._note(MIDLINE.format(name))
        if not whole:
            self._note(f"{name} is empty")
            return nothing
        header = _cells(whole.split(b"\n", 1)[0])
        missing = [column for column in types if column not in header]
        if missing:
            path = self.folder / name
            self._refuse(f"{path}: not the table that a run writes, it has no column {missing[0]}")
            return nothing
        kinds: dict[str, Any] = {column: "float64" for column in header if others} | dict(types)
        numbers = [column for column, kind in kinds.items() if kind not in TEXTS]
        how: dict[str, Any] = {
            "keep_default_na": False, "na_values": {column: ["", "nan", "NaN"] for column in numbers},
            "encoding_errors": "replace", "usecols": list(kinds),
        }  # fmt: skip
        try:
            return pd.read_csv(io.BytesIO(whole), dtype=kinds, **how)
        except (ValueError, OverflowError) as error:
            if not self.lenient:
                raise UserError(f"{self.folder / name}: not a table: {' '.join(str(error).split())[:300]}") from None
        found = self._line_by_line(name, whole, kinds, how)
        return nothing if found is None else found

    def columns(self, name: str, types: Mapping[str, str], others: bool = False) -> dict[str, list[Any]]:
        """The same table as lists by column, in a hundredth of the time that importing pandas takes; that is for a
        table that is not as a run writes it."""
        convert: dict[str, Any] = {
            "int64": int,
            "float64": lambda cell: float(cell) if cell or not others else math.nan,
        }
        try:
            text = read_file(self.folder / name, MOST_ROWS).decode()
            header, *lines = csv.reader(io.StringIO(text, newline=""))
            kinds = {column: "float64" for column in header if others} | dict(types)
            places = [header.index(column) for column in kinds]
            if not text.endswith("\n") or not all(len(cells) == len(header) for cells in lines):
                raise ValueError
            cells = list(zip(*lines, strict=True)) or [()] * len(header)
            return {
                column: list(map(convert.get(kind, str), cells[place]))
                for place, (column, kind) in zip(places, kinds.items(), strict=True)
            }
        except (OSError, ValueError, UserError, csv.Error):
            if not (self.folder / name).exists():
                return {column: [] for column in types}
            table = self.table(name, types, others)
            return {column: table[column].tolist() for column in (table if others else types)}

    def _line_by_line(self, name: str, content: bytes, kinds: dict[str, Any], how: dict[str, Any]) -> Any:
        """The lines that are as they should be; None where nothing can be read."""
        import pandas as pd

        lines = [line for line in content.replace(b"\0", b"").splitlines(keepends=True) if line.strip()]
        try:
            rows = pd.read_csv(io.BytesIO(b"".join(lines)), dtype=str, on_bad_lines="skip", **how)
        except ValueError:
            return self._refuse(f"{name}: not a table")
        for column in (column for column, kind in kinds.items() if kind not in TEXTS):
            given = rows[column].notna()
            rows[column] = pd.to_numeric(rows[column], errors="coerce")
            rows = rows[~(given & rows[column].isna())]  # a word where a number should be
            if kinds[column] == "int64":
                rows = rows[(rows[column] % 1 == 0) & rows[column].between(0, 2**53)]  # nan, an empty cell, is not
        left_out = len(lines) - 1 - len(rows)
        self._note(f"{name}: {left_out:,} line{'s' * (left_out != 1)} cannot be read and are left out")
        return rows.astype(kinds).reset_index(drop=True)

    def _refuse(self, what: UserError | str) -> None:
        if not self.lenient:
            raise what if isinstance(what, UserError) else UserError(what)
        self._note(f"{str(what).removeprefix(f'{self.folder}/')}; it is left out")

    def _note(self, trouble: str) -> None:
        """Nothing of a file that a strict reader would refuse."""
        if trouble not in self.troubles:
            self.troubles.append(trouble)


def number(value: Any) -> float:
    """A number of a JSON file; nan for null, which stands for one that is none, and for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _cells(line: bytes) -> list[str]:
    """Empty where it is no line of a table."""
    try:
        return next(csv.reader([line.decode("utf-8", "replace").strip()]), [""])
    except csv.Error:  # a cell that never ends
        return []
