"""A number as a person reads it."""

from __future__ import annotations


def shown(x: float | None) -> str:
    """Four decimals where that leaves three significant digits or more, else three: `2.3028`, `0.0125`, `4.93e-05`;
    empty for None."""
    if x is None:
        return ""
    return f"{x:.4f}" if x == 0 or 0.1 <= abs(x) < 100 or x != x else f"{x:#.3g}".rstrip(".")
