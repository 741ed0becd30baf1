"""Classes from the words of a target column."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from initlab.data.csv.columns import MAX_WORDS
from initlab.data.csv.table import ColumnError, Words

REGRESS = "if it is a quantity take model=linear or model=mlp_regression"


@dataclass(frozen=True)
class Classes:
    """names: the different cells as they stand, sorted; by size if all are whole numbers, so that 10 comes after 9.
    labels: int64 [rows], of each row the place of its class among them.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, column: Words) -> Classes:
        """column: without a missing cell.

        Raises:
            ColumnError: there are too few, too many, or fractions among them.
        """
        words = column.words
        sizes = [_exact(word) for word in words]
        if None not in sizes:
            fraction = [size is None or size != size.to_integral_value() for size in sizes]
            if any(fraction):
                row = int(np.argmax(np.array(fraction)[column.codes]))
                raise ColumnError(f"{words[column.codes[row]]} is no class; {REGRESS}", row)
        if len(words) > MAX_WORDS:
            raise ColumnError(f"{len(words):,} different values, but at most {MAX_WORDS:,} classes; {REGRESS}")
        if len(words) < 2:
            raise ColumnError(f"every row has the same value, {words[0]}; there must be two classes at least")
        order = sorted(range(len(words)), key=lambda i: (0 if None in sizes else sizes[i], words[i]))
        return cls(tuple(words[i] for i in order), np.argsort(order)[column.codes])


def _exact(word: str) -> Decimal | None:
    """A number of any length; a float would take 90071992547409921 for 90071992547409920."""
    try:
        number = Decimal(word)
    except InvalidOperation:
        return None
    return number if number.is_finite() and "_" not in word else None
