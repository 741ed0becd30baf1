"""The edge of chaos: weights and biases from which gradients neither fade nor grow, however deep.

At the fixed point q* = s^2 E[phi^2] + t^2 of the forward recursion (s^2: n times the variance of a weight, t^2: that of
a bias), chi_1 = s^2 E[phi'^2] is the factor on E[g^2] a layer. The critical line chi_1 = 1 is a curve with q* along it:

    s^2 = 1 / E[phi'(sqrt(q*) z)^2],   t^2 = q* - s^2 E[phi(sqrt(q*) z)^2]

where that t^2 is not negative. It is of use where the fixed point attracts: d q_{l+1} / d q_l <= 1.
(Poole et al. 2016; Schoenholz et al. 2017; Hayou et al. 2019.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from initlab.theory.elementwise import Elementwise
from initlab.theory.integrals import moments

SMALLEST_Q = 0.5  # the tanh networks of Schoenholz et al. have q* = 0.57
GRID = SMALLEST_Q * np.geomspace(1, 1000, 301)
STEPS = 3000  # of the recursion, until q* counts as not there
ROUNDING = 1e-9


class NotCriticalError(ValueError):
    """There is no such point; the message says why."""


@dataclass(frozen=True)
class CriticalPoint:
    """sigma_w: sqrt(fan_in) times the std of a weight; sigma_b: std of a bias; q: the fixed point E[z^2]. There, chi is
    the factor on E[g^2] a layer, growth d q_{l+1} / d q_l."""

    sigma_w: float
    sigma_b: float
    q: float
    chi: float
    growth: float

    @property
    def depth_scale(self) -> float:
        """xi: after so many layers the distance from q* is 1/e of what it was; inf where every q stays."""
        return -1 / math.log(self.growth) if 0 < self.growth < 1 - ROUNDING else (0.0 if self.growth <= 0 else math.inf)


def critical_point(phi: Elementwise, q: float | None = None) -> CriticalPoint:
    """With the fixed point q; None: the smallest q of at least 0.5 that has a critical point which attracts.

    Raises:
        NotCriticalError: where there is none.
    """
    line = GRID if q is None else np.array([q])
    m = moments(phi, line)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = 1 / m.slope_square
        bias = line - weight * m.square
        growth = m.sensitivity * (1 - bias / line)
    exists = bias >= -ROUNDING * line
    attracts = exists & (growth <= 1 + ROUNDING)
    if attracts.any():
        i = int(np.flatnonzero(attracts)[0])
        bias_square = float(bias[i]) if bias[i] > ROUNDING * line[i] else 0.0
        chi = float(weight[i] * m.slope_square[i])
        return CriticalPoint(math.sqrt(weight[i]), math.sqrt(bias_square), float(line[i]), chi, float(growth[i]))
    at = f"q={q:g}" if q is not None else f"any q from {GRID[0]:g} to {GRID[-1]:g}"
    if not exists.any():
        reason = "weights that keep the gradient make the signal larger than q on their own"
    else:
        reason = f"the point there repels: a signal off by 1 % is off by {growth[exists].min():.3g} % a layer later"
    raise NotCriticalError(f"{phi.name} has no critical point at {at}: {reason}")


def fixed_point(phi: Elementwise, weight: float, bias: float) -> float:
    """q* of q -> weight E[phi(sqrt(q) z)^2] + bias from q = 1: 0 if it fades away, inf if it grows without limit,
    nan if it is still on its way after 3000 layers."""
    q = 1.0
    for _ in range(STEPS):
        new = weight * float(moments(phi, np.array([q])).square[0]) + bias
        if abs(new - q) <= 1e-10 * new:
            return new
        if new < 1e-12:
            return 0.0
        if new > 1e12:
            return math.inf
        q = new
    return math.nan
