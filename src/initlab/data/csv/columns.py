"""From a column to inputs, by what the training rows alone hold (d2l 2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.data.csv.table import FLOAT32, ColumnError, Numbers, Words
from initlab.override import override

MAX_WORDS = 1000  # different words that become indicator columns
SHOWN = 6  # words of a column in a summary
FAR = FLOAT32**0.5  # the largest number whose square float32 holds
RESOLUTION = float(np.finfo(np.float32).eps)
NEARLY = 1e-3  # of a number that more than half of the rows have, within which the others are nearly the same


@dataclass(frozen=True)
class NumberColumn:
    """(x - shift) / scale, a missing x being `mean`: that of the training rows which have one.

    With normalisation `shift` is the mean too, so a missing cell becomes 0, and `scale` the standard deviation (n - 1
    in the denominator, as pandas has it), 1 where all are equal. That of a nearly constant column scales down, never
    up, or a row held out would be blown up beyond measure: one that float32 could not resolve next to the values, which
    may be mere rounding, and one where more than half of the rows have one number and no other row is a thousandth
    away from it. Without normalisation they are 0 and 1.
    """

    name: str
    mean: float
    shift: float
    scale: float
    missing: int

    @classmethod
    def fit(cls, name: str, values: Numbers, normalize: bool) -> NumberColumn:
        """values: those of the training rows.

        Raises:
            ColumnError: there are none.
        """
        known = values[~np.isnan(values)]
        missing = len(values) - len(known)
        if not len(known):
            raise ColumnError(_nothing(name, values))
        if known.min() == known.max():  # exactly: the standard deviation of ten times 0.1 is 1e-17
            mean, scale = float(known[0]), 1.0
        else:
            largest = float(np.abs(known).max())
            _, power = math.frexp(largest)  # or the square of 1e-200 would be 0
            mean, scale = float(known.mean()), math.ldexp(np.ldexp(known, -power).std(ddof=1), power)
            if scale <= RESOLUTION * largest or _nearly_constant(known):
                scale = max(scale, 1.0)
        shift, scale = (mean, scale) if normalize else (0.0, 1.0)
        return cls(name, mean, shift, scale, missing)

    @property
    def names(self) -> list[str]:
        return [self.name]

    def inputs(self, values: Numbers) -> Tensor:
        """float32 [rows, 1].

        Raises:
            ColumnError: for the first whose square float32 does not hold, once normalised.
        """
        with np.errstate(over="ignore"):  # too far, as is said below
            found = (np.where(np.isnan(values), self.mean, values) - self.shift) / self.scale
        normalized = (self.shift, self.scale) != (0, 1)
        far = np.flatnonzero(np.abs(found) > (FAR if normalized else FLOAT32))
        if len(far):
            what = f"{values[far[0]]:g} is too far from the training rows to be normalised"
            raise ColumnError(what, int(far[0]))
        return torch.from_numpy(found.astype(np.float32))[:, None]

    def __str__(self) -> str:
        return f"{self.name} ({self.missing} missing: mean {self.mean:.6g})" if self.missing else self.name


@dataclass(frozen=True)
class TextColumn:
    """One column for each word of the training rows, 1 where a row has it, and a last one for missing.

    A word that no training row has is none of these: all its indicators are 0, as it is not missing either.
    """

    name: str
    words: tuple[str, ...]  # sorted

    @classmethod
    def fit(cls, name: str, column: Words) -> TextColumn:
        """column: of the training rows.

        Raises:
            ColumnError: there are no words, or too many.
        """
        words = sorted(column.words[code] for code in np.unique(column.codes) if code >= 0)
        if not words:
            raise ColumnError(_nothing(name, column.codes))
        if len(words) > MAX_WORDS:
            leave_out = f"leave it out with {override('data.drop', [name])}"
            raise ColumnError(f"{len(words):,} different words, but at most {MAX_WORDS:,} become columns; {leave_out}")
        return cls(name, tuple(words))

    @property
    def names(self) -> list[str]:
        return [f"{self.name}_{word}" for word in (*self.words, "nan")]

    def inputs(self, column: Words) -> Tensor:
        """float32 [rows, words + 1]."""
        known = {word: place for place, word in enumerate(self.words)}
        places = np.array([*(known.get(word, -1) for word in column.words), len(known)])[column.codes]
        indicators = np.zeros((len(places), len(known) + 1), np.float32)
        rows = np.flatnonzero(places >= 0)
        indicators[rows, places[rows]] = 1
        return torch.from_numpy(indicators)

    def __str__(self) -> str:
        more = len(self.words) - SHOWN
        shown = ", ".join(" ".join(word.split()) for word in self.words[:SHOWN])
        return f"{self.name} ({shown}{f', {more} more words' if more > 0 else ''}, missing)"


def _nearly_constant(known: Numbers) -> bool:
    usual = np.median(known)  # what more than half of them are, if they are
    return bool(np.abs(known - usual).max() <= NEARLY * abs(usual) and 2 * (known == usual).sum() > len(known))


def _nothing(name: str, rows: NDArray[np.generic]) -> str:
    return f"none of the {len(rows)} training rows has a value; leave it out with {override('data.drop', [name])}"
