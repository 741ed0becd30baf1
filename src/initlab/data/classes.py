"""Classes from the values of a target column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from initlab.data.columns import MAX_WORDS, ColumnError, number

REGRESS = "if it is a quantity take model=linear or model=mlp_regression"


@dataclass(frozen=True)
class Classes:
    """names: the different values, sorted; whole numbers, if all are, by size, so that 10 comes after 9.
    labels: of each row the place of its value among them.
    """

    names: tuple[str, ...]
    labels: list[int]

    @classmethod
    def of(cls, cells: Sequence[str]) -> Classes:
        """
        Raises:
            ColumnError: there are too few, too many, or fractions among them.
        """
        values = [number(cell) for cell in cells]
        whole = [f"{value:.0f}" for value in values if value is not None and value.is_integer()]
        numeric = all(value is not None for value in values)
        if numeric and len(whole) < len(cells):
            row = next(i for i, value in enumerate(values) if value is None or not value.is_integer())
            raise ColumnError(f"{cells[row]} is no class; {REGRESS}", row)
        named = whole if numeric else list(cells)
        names = sorted(set(named), key=int) if numeric else sorted(set(named))
        if len(names) > MAX_WORDS:
            raise ColumnError(f"{len(names):,} different values, but at most {MAX_WORDS:,} classes; {REGRESS}")
        if len(names) < 2:
            raise ColumnError(f"every row has the same value, {names[0]}; there must be two classes at least")
        place = {name: i for i, name in enumerate(names)}
        return cls(tuple(names), [place[name] for name in named])
