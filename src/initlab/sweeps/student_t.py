"""Student's t distribution with a whole number of degrees of freedom.

Here the integral is an elementary finite sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4), so SciPy, which nothing
else of this package needs, stays out.
"""

from __future__ import annotations

import math


def cdf(t: float, df: int) -> float:
    """P(T <= t)."""
    theta = math.atan2(t, math.sqrt(df))
    cos = math.cos(theta)
    term, total = (1.0, 0.0) if df % 2 == 0 else (cos, 0.0)
    for k in range(2 if df % 2 else 1, df, 2):
        total += term
        term *= cos * cos * k / (k + 1)
    both = math.sin(theta) * total  # P(-t < T < t)
    if df % 2:
        both = 2 / math.pi * (theta + both)
    return (1 + both) / 2


def quantile(p: float, df: int) -> float:
    """The t with P(T <= t) = p, for 0.5 <= p < 1, by bisection to the last bit that the sum above can tell."""
    low, high = 0.0, 1.0
    while cdf(high, df) < p:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if cdf(middle, df) < p else (low, middle)
    return (low + high) / 2
