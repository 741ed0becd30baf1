"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Sequence


def shown(x: float | None) -> str:
    """Four decimals where that leaves three significant digits or more, else three: `2.3028`, `0.0125`, `4.93e-05`;
    empty for None."""
    if x is None:
        return ""
    return f"{x:.4f}" if x == 0 or 0.1 <= abs(x) < 100 or x != x else f"{x:#.3g}".rstrip(".")


def duration(seconds: float, digits: int = 3) -> str:
    """`40 s`, `12.5 min`, `3.5 h`."""
    if not math.isfinite(seconds):
        return "not known"
    if seconds < 90:
        return f"{seconds:.{digits}g} s"
    return f"{seconds / 60:.{digits}g} min" if seconds < 5400 else f"{seconds / 3600:.{digits}g} h"


def tail(name: str, most: int) -> str:
    """The end of a name that is longer than so many letters: what tells layers apart stands there."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def plain_name(path: str) -> str:
    """Of a module or parameter, without what torch.compile puts into it."""
    return ".".join(part for part in path.split(".") if part != "_orig_mod")


def first_call(name: str, known: Container[str] = ()) -> str:
    """The layer whose second call has rows as `<layer>#2`; a layer's own name, among those known, may end so too."""
    return name if name in known else re.sub(r"#\d+$", "", name)


def listed(names: Iterable[str], most: int = 6) -> str:
    """The first few, and how many more."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")


def told_apart(values: Sequence[str]) -> list[str]:
    """Long numbers, as a sampler draws them, in four digits, or in as many as it takes for different values to stay
    different; other words as they are."""
    for digits in range(4, 18):
        words = [_rounded(value, digits) for value in values]
        if len({*words}) == len({*values}):
            return words
    return list(values)


def _rounded(word: str, digits: int) -> str:
    try:
        return f"{float(word):.{digits}g}" if len(word) > 8 else word
    except ValueError:
        return word
