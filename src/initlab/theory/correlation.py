"""How deep two inputs can be told apart, in the limit of wide layers (Poole et al. 2016; Schoenholz et al. 2017)."""

from __future__ import annotations

import math

import numpy as np

from initlab.theory.critical import fixed_point
from initlab.theory.elementwise import Elementwise
from initlab.theory.integrals import decorrelation, moments

LEAST, HALVINGS = 1e-9, 40  # of 1 - c at its fixed point, which is looked for between here and 2
SMALL = 1e-12  # q for the limit of q = 0, where the side of a kink is not told
STEP = 1e-4  # relative, of the derivative there


def correlation_depth(phi: Elementwise, sigma_w: float, sigma_b: float) -> float:
    """xi_c: the correlation c of two inputs nears its fixed point as exp(-layer / xi_c); networks up to about 6 xi_c
    layers train. inf on the critical line; nan where the signal has no size that stays."""
    weight, bias = sigma_w**2, sigma_b**2
    q = fixed_point(phi, weight, bias)
    if not math.isfinite(q):
        return math.nan
    chi = weight * float(moments(phi, np.array([max(q, SMALL)])).slope_square[0])
    slope = chi if chi <= 1 or q == 0 else _chaotic(phi, weight, q)
    if not 0 < slope < 1:
        return 0.0 if slope <= 0 else math.inf
    return -1 / math.log(slope)


def _chaotic(phi: Elementwise, weight: float, q: float) -> float:
    """Slope of d -> weight E[(phi - phi')^2] / 2 q, d = 1 - c, at the fixed point that attracts."""

    def factor(d: float) -> float:
        return weight * decorrelation(phi, q, d) / (q * d)

    low, high = math.log(LEAST), math.log(2.0)  # the factor falls with d, from chi > 1 to below 1
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if factor(math.exp(middle)) > 1 else (low, middle)
    d = math.exp(low)
    up, down = (factor(d * (1 + sign * STEP)) * (1 + sign * STEP) for sign in (1, -1))
    return (up - down) / (2 * STEP)
