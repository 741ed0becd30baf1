"""A CSV file as columns of numbers and columns of words, read with pandas.

pandas takes a column for numbers only if every cell is one, and does so in C. Every other column is read again as text,
and is numbers in another notation, words, or an error: pandas guesses nothing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from initlab.data.csv.file import read_file
from initlab.data.csv.numbers import OTHER, Notation, guess_decimal, meant_as_numbers
from initlab.errors import UserError
from initlab.override import override

FLOAT32 = float(np.finfo(np.float32).max)
SAMPLE = 100  # rows that nearly always tell the decimal mark
SHOWN = 6  # columns in the sentence about notations

Numbers = NDArray[np.float64]  # [rows], nan where missing


@dataclass(frozen=True)
class Words:
    """codes: of each row the place of its word among `words`, which are all different; -1 where missing."""

    codes: NDArray[np.intp]
    words: list[str]


class ColumnError(Exception):
    """What is wrong with a column, or with its cell in row `row` of the file."""

    def __init__(self, sentence: str, row: int | None = None) -> None:
        super().__init__(sentence)
        self.row = row


class Table:
    """lines: at which line of the file each row begins. sha256: of the file."""

    def __init__(
        self, path: str | Path, names: Sequence[str], text: Collection[str], na_values: Sequence[Any],
        decimal: str | None, thousands: str | None,
    ) -> None:  # fmt: skip
        """names: the columns to read; text: those that hold words, whatever they look like.

        Raises:
            UserError: with one sentence, for a file that cannot be read, or that could mean two things.
        """
        file = read_file(path)
        self.lines, self.sha256 = file.lines, file.sha256
        self._text = text
        missing = {"", *map(str, na_values)}
        content = file.text.encode()

        def read(columns: Sequence[str], **how: Any) -> dict[str, Any]:
            if not columns:
                return {}
            frame = pd.read_csv(
                io.BytesIO(content), sep=file.separator, header=0, names=file.names, usecols=columns,
                index_col=False, skipinitialspace=True, na_values=sorted(missing), keep_default_na=False,
                low_memory=False, **how,
            )  # fmt: skip
            assert len(frame) == min(len(file.lines), how.get("nrows", np.inf))
            return {name: frame[name] for name in columns}

        def numbers(mark: str) -> dict[str, Numbers]:
            """The columns all of whose cells are numbers that float32 holds."""
            columns = read([name for name in names if name not in text], decimal=mark)
            found = {name: cells.to_numpy(float) for name, cells in columns.items() if cells.dtype.kind in "iuf"}
            return {name: values for name, values in found.items() if not (np.abs(values) > FLOAT32).any()}

        def words(columns: Sequence[str], **how: Any) -> dict[str, Words]:
            return {name: _words(cells, missing) for name, cells in read(columns, dtype=str, **how).items()}

        could_be = [name for name in names if name not in text]
        seen = {name: column.words for name, column in words(could_be, nrows=SAMPLE).items()}
        doubt = None
        mark = decimal or OTHER.get(thousands or "")
        if mark is None:
            mark, doubt = guess_decimal(seen.values(), thousands)
        self._numbers = numbers(mark or ".")
        self._words = words([name for name in names if name not in self._numbers])
        if mark is None:  # the first rows do not tell
            seen |= {name: column.words for name, column in self._words.items() if name not in text}
            mark, doubt = guess_decimal(seen.values(), thousands)
            if mark == ",":
                self._numbers = numbers(mark)
                self._words = words([name for name in names if name not in self._numbers])
        if doubt and file.separator != ",":
            ways = f"{override('data.decimal', ',')} or {override('data.thousands', ',')}"
            raise UserError(f"data.path={path}: {doubt!r} may be a fraction or thousands; say {ways}")
        self._examples: dict[str, str] = {}  # of columns, a cell that is, or may be, a number in another notation
        if mark is None and file.separator == ";" and "." in file.text:  # all points may stand between thousands
            written = {name: column.words for name, column in words(list(self._numbers)).items()}
            if guess_decimal(written.values(), thousands)[0] is None:
                point = re.compile(r"[^eE]*\.[^eE]*").fullmatch
                found = {name: next(filter(point, cells), None) for name, cells in written.items()}
                self._examples = {name: cell for name, cell in found.items() if cell is not None}
        mark = mark or "."
        if mark == "," and not decimal and not thousands:
            with_comma = {name: [word for word in found if "," in word] for name, found in seen.items()}
            self._examples = {name: found[0] for name, found in with_comma.items() if found and name in self._numbers}
        self._notation, self._foreign = (Notation.of(m, thousands) for m in (mark, OTHER[mark]))

    @property
    def guessed(self) -> str:
        """The columns whose numbers are not, or may not be, written as 1200.5, in one sentence, or nothing."""
        shown = []
        for name, cell in list(self._examples.items())[:SHOWN]:
            value, unit = self._notation.number(cell) or (np.nan, "")
            shown.append(f"{name} ('{' '.join(cell.split())}' is {value:.10g}{unit and f' in {unit}'})")
        more = f", {len(self._examples) - SHOWN} more columns" if len(self._examples) > SHOWN else ""
        keys = "data.decimal, data.thousands and data.text change that"
        return f"read as numbers: {', '.join(shown)}{more}; {keys}" if shown else ""

    def column(self, name: str, advice: str) -> Numbers | Words:
        """
        Raises:
            ColumnError: for the first cell that is no number in a column which is meant to be numbers, with the advice.
        """
        if name in self._numbers:
            return self._numbers[name]
        column = self._words[name]
        if name in self._text or not column.words:
            return column
        found = [self._notation.number(word) for word in column.words]
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(found))
        if None in found:
            meant = meant_as_numbers(column.words)
            alike = np.array([n is not None or w in meant for n, w in zip(found, column.words, strict=True)])
            if 2 * counts[alike].sum() < counts.sum() and 2 * alike.sum() < len(alike):
                return column
            are = np.array([number is not None for number in found])
            odd = column.words[int(np.argmax(~are))]
            other = f" with {override('data.decimal', self._notation.decimal)}" if self._foreign.number(odd) else ""
            but = f", but {counts[are].sum()} of {counts.sum()} cells of this column are" if are.any() else ""
            raise _error(column, ~are, f"{{!r}} is not a number{other}{but}; {advice}")
        values, units = (np.array(part) for part in zip(*filter(None, found), strict=True))
        if (np.abs(values) > FLOAT32).any():
            wrong = np.abs(values) > FLOAT32
            raise _error(column, wrong, "{} is not finite, or not in 32 bits; it must be below 3.4e38")
        usual = max(sorted(set(units)), key=lambda unit: counts[units == unit].sum())
        if (units != usual).any():
            others = f"are in {usual}" if usual else "have no unit"
            raise _error(column, units != usual, f"{{!r}}, but other cells of this column {others}; write all alike")
        foreign = next((word for word in column.words if not _is_plain(word)), None)
        if foreign is not None:
            self._examples[name] = foreign
        return np.append(values, np.nan)[column.codes]


def _words(cells: pd.Series, missing: Collection[str]) -> Words:
    """Without the spaces around them."""
    codes, found = pd.factorize(cells)
    places: dict[str, int] = {}
    stripped = (word.strip() for word in found.tolist())
    place = [-1 if word in missing else places.setdefault(word, len(places)) for word in stripped]
    return Words(np.array([*place, -1])[codes], list(places))


def _error(column: Words, wrong: NDArray[np.bool_], sentence: str) -> ColumnError:
    """For the first row whose word is wrong."""
    row = int(np.argmax(np.append(wrong, False)[column.codes]))
    return ColumnError(sentence.format(column.words[column.codes[row]]), row)


def _is_plain(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
