"""How numbers are written: `1,200.50`, `1.200,50`, `1 200`, `1'200`, `$50`, `50%`, with any minus sign."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

SAME = str.maketrans(dict.fromkeys("\u2212\u2013\ufe63\uff0d", "-") | {"\u2019": "'"})  # minus signs, an apostrophe
CURRENCY = "[A-Z]{0,3}[$\u00a2-\u00a5\u20a0-\u20cf]"
OTHER = {".": ",", ",": "."}
SAMPLE = 1000  # different cells of a column that the decimal mark is guessed from


@dataclass(frozen=True)
class Notation:
    """thousands: the characters one of which may stand between groups of three digits."""

    decimal: str
    thousands: str

    @classmethod
    def of(cls, decimal: str, thousands: str | None) -> Notation:
        return cls(decimal, thousands or f"{OTHER[decimal]} '")

    def number(self, cell: str) -> tuple[float, str] | None:
        """The number that a cell is, and its unit: a currency sign, %, or nothing.

        None for anything else: a date, `nan`, `1_000`, `(50)`, `50 kg`.
        """
        found = _pattern(self).fullmatch(_normal(cell))
        if found is None:
            return None
        sign, before, minus, whole, mark, fraction, exponent, infinite, after = found.groups("")
        if (sign and minus) or (before and after):
            return None
        digits = infinite or f"{whole.replace(mark, '') if mark else whole}.{fraction}{exponent}"
        return float(f"{sign}{minus}{digits}"), before or after


def _normal(cell: str) -> str:
    """With the usual minus sign, apostrophe and space."""
    return cell if cell.isascii() and " " not in cell else " ".join(cell.translate(SAME).split())


@lru_cache
def _pattern(notation: Notation) -> re.Pattern[str]:
    decimal, thousands = re.escape(notation.decimal), re.escape(notation.thousands)
    return re.compile(
        rf"""(?P<sign>[+-]?)[ ]?(?P<before>{CURRENCY})?[ ]?(?P<minus>[+-]?)
        (?: (?=[0-9]|{decimal}[0-9])
            (?P<whole>[1-9][0-9]{{0,2}}(?P<mark>[{thousands}])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*|[0-9]*)
            (?:{decimal}(?P<fraction>[0-9]*))? (?P<exponent>[eE][+-]?[0-9]+)?
        |   (?P<infinite>(?i:inf(?:inity)?)))
        [ ]?(?P<after>{CURRENCY}|[%‰])?""",
        re.VERBOSE,
    )


def guess_decimal(columns: Iterable[Collection[str]], thousands: str | None) -> tuple[str | None, str | None]:
    """The decimal mark that more cells of numbers, different ones, can be read with alone; where there is no such cell,
    one, as `1,200`, that the two marks make different numbers of.
    """
    point, comma = Notation.of(".", thousands), Notation.of(",", thousands)
    votes, doubt = {".": 0, ",": 0}, None
    for cells in columns:
        if not any("," in cell or "." in cell for cell in cells):
            continue
        with_comma_first = sorted(cells, key=lambda cell: "," not in cell)
        read = [(cell, point.number(cell), comma.number(cell)) for cell in with_comma_first[:SAMPLE]]
        if 2 * sum(a is not None or b is not None for _, a, b in read) < len(read):
            continue  # words, some of them with a comma
        for cell, a, b in read:
            votes["."] += a is not None and b is None
            votes[","] += a is None and b is not None
            if a and b and a != b and "," in cell:
                doubt = cell
    if any(votes.values()):
        return max(votes, key=lambda mark: votes[mark]), None  # of as many, the point
    return None, doubt


def meant_as_numbers(cells: Iterable[str]) -> set[str]:
    """Those that have digits and no letter, such as dates, or that all have the same letters next to a number: `5 kg`.

    What differs by its letters, 1Fam and 2fmCon, or begins with them, A1 and A2, are words.
    """
    found, units = set(), {}
    for cell in cells:
        plain = _normal(cell)
        unit = re.fullmatch(r"[+-]?[0-9][0-9.,' ]*([^0-9]+)|([A-Z]{3} )[+-]?[0-9][0-9.,' ]*", plain)
        if not any(c.isalpha() for c in cell):
            found |= {cell} if any(c.isdigit() for c in cell) else set()
        elif unit:
            units[cell] = (unit[1] or unit[2]).strip().lower()
    if len(units) > 1 and (len(set(units.values())) == 1 or set(units.values()) <= {"k", "m", "b", "bn"}):
        found |= units.keys()
    return found
