"""What a page has to say about a folder that is not as it should be."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.errors import UserError
from initlab.runs.reading import MOST, MOST_ROWS, check_yaml, read_file

if TYPE_CHECKING:
    import pandas as pd

WHOLE = {"step", "epoch"}
MIDLINE = "{} ends in mid-line: it is being written, or its run was stopped while writing; the last line is left out"


class Reader:
    """Reads the files of one folder; what cannot be read becomes a sentence in `troubles`, not an error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.troubles: list[str] = []

    def text(self, name: str) -> str | None:
        """None where there is no such file; what is not UTF-8 is replaced."""
        content = self._read(name)
        return None if content is None else content.decode("utf-8", "replace")

    def _read(self, name: str, most: int = MOST) -> bytes | None:
        try:
            return read_file(self.folder / name, most)
        except FileNotFoundError:
            return None
        except UserError as error:
            self.troubles.append(str(error).removeprefix(f"{self.folder}/"))
            return None

    def json(self, name: str, kind: type) -> Any:
        """An object of `kind` (dict or list), empty where the file is missing or broken."""
        text = self.text(name)
        if text is None:
            return kind()
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            self.troubles.append(f"{name} is not whole JSON: it was cut off or changed, and is left out")
            return kind()
        if not isinstance(content, kind):
            self.troubles.append(f"{name} holds no {'list' if kind is list else 'object'}: it is left out")
            return kind()
        return content

    def yaml(self, name: str) -> dict[str, Any]:
        """A mapping of plain values, empty where the file is missing or broken."""
        import yaml

        text = self.text(name)
        if text is None:
            return {}
        try:
            check_yaml(text, name)
            content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            self.troubles.append(f"{name} is not whole YAML: it was cut off or changed, and is left out")
            return {}
        return content

    def csv(self, name: str, numbers: tuple[str, ...] = (), words: tuple[str, ...] = ()) -> pd.DataFrame | None:
        """The whole lines of a table, None where there is none to be had.

        The columns `numbers` and `words` must be there; without `numbers` every other column is of numbers. `step` and
        `epoch` are whole numbers. A line with a word where a number should be, or with too many cells, is left out.
        """
        import pandas as pd

        content = self._read(name, MOST_ROWS)
        if content is None:
            return None
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self.troubles.append(MIDLINE.format(name))
        header = _cells(whole.split(b"\n", 1)[0])
        numbers = numbers or tuple(column for column in header if column not in words)
        missing = [column for column in (*numbers, *words) if column not in header]
        if missing or not whole:
            self.troubles.append(
                f"{name} has no column {missing[0]!r}: it is left out" if whole else f"{name} is empty"
            )
            return None
        how: dict[str, Any] = {
            "keep_default_na": False, "na_values": {column: ["", "nan", "NaN"] for column in numbers},
            "encoding_errors": "replace", "usecols": [*numbers, *words],
        }  # fmt: skip
        types: dict[str, Any] = dict.fromkeys(words, "category")
        types |= {column: "int64" if column in WHOLE else "float64" for column in numbers}
        try:
            return pd.read_csv(io.BytesIO(whole), dtype=types, **how)
        except ValueError:  # not as it was written: line by line then
            return self._mended(name, whole, types, how)

    def _mended(self, name: str, content: bytes, types: dict[str, Any], how: dict[str, Any]) -> pd.DataFrame | None:
        import pandas as pd

        numbers = [column for column, kind in types.items() if kind != "category"]
        lines = [line for line in content.replace(b"\0", b"").splitlines(keepends=True) if line.strip()]
        try:
            rows = pd.read_csv(io.BytesIO(b"".join(lines)), dtype=str, on_bad_lines="skip", **how)
        except ValueError:
            self.troubles.append(f"{name} is not a table that can be read: it is left out")
            return None
        for column in numbers:
            given = rows[column].notna()
            rows[column] = pd.to_numeric(rows[column], errors="coerce")
            rows = rows[~(given & rows[column].isna())]  # a word where a number should be
        for column in set(numbers) & WHOLE:
            rows = rows[(rows[column] % 1 == 0) & rows[column].between(0, 2**53)]  # nan, an empty cell, is not
        rows = rows.astype(types)
        left_out = len(lines) - 1 - len(rows)
        self.troubles.append(f"{name}: {left_out:,} line{'s' * (left_out != 1)} cannot be read and are left out")
        return rows.reset_index(drop=True)


def _cells(line: bytes) -> list[str]:
    """None where it is no line of a table."""
    try:
        return next(csv.reader([line.decode("utf-8", "replace").strip()]), [""])
    except csv.Error:  # a cell that never ends
        return []
