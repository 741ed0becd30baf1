"""From a column of text cells to numbers, by what the training rows alone hold (d2l 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_WORDS = 1000  # different words that become indicator columns
SHOWN = 6  # words of a column in a summary
FLOAT32 = float(np.finfo(np.float32).max)

Cells = Sequence[str | None]  # None: missing
Numbers = NDArray[np.float64]


class ColumnError(Exception):
    """What is wrong with a column, or with its cell in row `row` of those given; the caller knows the line."""

    def __init__(self, words: str, row: int | None = None) -> None:
        super().__init__(words)
        self.row = row


def number(cell: str) -> float | None:
    """The number that a cell is; None for text. `1_000` and `nan` are text, `inf` is a number."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if "_" in cell or value != value else value


@dataclass(frozen=True)
class NumberColumn:
    """(x - shift) / scale, a missing x being `mean`: that of the training rows which have one.

    With normalisation `shift` is the mean too and `scale` the standard deviation (n - 1 in the denominator, as
    pandas has it; 1 where all are equal), so a missing cell becomes 0; without it they are 0 and 1.
    """

    name: str
    mean: float
    shift: float
    scale: float
    missing: int

    @classmethod
    def of(cls, name: str, values: Numbers, normalize: bool) -> NumberColumn:
        """values: those of the training rows, nan where missing."""
        there = values[~np.isnan(values)]
        mean = float(there.mean())
        std = float(there.std(ddof=1)) if len(there) > 1 else 0.0
        shift, scale = (mean, std or 1.0) if normalize else (0.0, 1.0)
        return cls(name, mean, shift, scale, len(values) - len(there))

    @property
    def names(self) -> list[str]:
        return [self.name]

    def inputs(self, cells: Cells) -> Numbers:
        """[rows, 1]."""
        values = numbers(cells)
        return ((np.where(np.isnan(values), self.mean, values) - self.shift) / self.scale)[:, None]

    def __str__(self) -> str:
        return f"{self.name} ({self.missing} missing: mean {self.mean:.6g})" if self.missing else self.name


@dataclass(frozen=True)
class TextColumn:
    """One column for each word of the training rows, 1 where a row has it, and a last one for missing.

    A word that no training row has is none of these: all its indicators are 0, as it is not missing either.
    """

    name: str
    words: tuple[str, ...]  # sorted

    @property
    def names(self) -> list[str]:
        return [f"{self.name}_{word}" for word in (*self.words, "nan")]

    def inputs(self, cells: Cells) -> Numbers:
        """[rows, words + 1]."""
        place: dict[str | None, int] = {word: i for i, word in enumerate(self.words)}
        place[None] = len(self.words)
        indicators = np.zeros((len(cells), len(place)))
        for row, cell in enumerate(cells):
            if cell in place:
                indicators[row, place[cell]] = 1
        return indicators

    def __str__(self) -> str:
        more = len(self.words) - SHOWN
        shown = ", ".join(self.words[:SHOWN]) + (f", {more} more words" if more > 0 else "")
        return f"{self.name} ({shown}, missing)"


def fit_column(name: str, cells: Cells, *, normalize: bool, as_text: bool = False) -> NumberColumn | TextColumn:
    """Numbers if all cells of the training rows are, text if fewer than half are; else one of the two is a slip.

    Raises:
        ColumnError: it cannot be taken as it is.
    """
    there = [cell for cell in cells if cell is not None]
    leave_out = f"leave it out with data.drop=[{name}]"
    if not there:
        raise ColumnError(f"none of the {len(cells)} training rows has a value; {leave_out}")
    if not as_text:
        try:
            return NumberColumn.of(name, numbers(cells), normalize)
        except ColumnError:
            count = sum(number(cell) is not None for cell in there)
            if count == len(there):
                raise
        if 2 * count >= len(there):
            row, word = next((i, c) for i, c in enumerate(cells) if c is not None and number(c) is None)
            raise ColumnError(
                f"{word!r} is not a number, but {count} of {len(there)} cells of this column are; mend it, "
                f"add it to data.na_values if it means missing, or say data.text=[{name}] if all of them are names",
                row,
            )
    words = sorted(set(there))
    if len(words) > MAX_WORDS:
        raise ColumnError(f"{len(words):,} different words, but at most {MAX_WORDS:,} become columns; {leave_out}")
    return TextColumn(name, tuple(words))


def numbers(cells: Cells) -> Numbers:
    """[rows], nan where missing.

    Raises:
        ColumnError: for the first that is no number, or none that float32 holds.
    """
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        value = number(cell)
        if value is None:
            raise ColumnError(f"{cell!r} is not a number", row)
        if abs(value) > FLOAT32:
            raise ColumnError(f"{cell} is not finite, or not in 32 bits; it must be below 3.4e38", row)
        values[row] = value
    return values
