"""How deep a network may be."""

from __future__ import annotations

import math

import numpy as np

from initlab.limits import GAINED, LOST
from initlab.theory.elementwise import Elementwise
from initlab.theory.inputs import FASHION_MNIST, Inputs
from initlab.theory.recursion import Draw, propagate

DEEPEST = 300  # layers; deeper is not asked


def reach(scheme: Draw, phi: Elementwise, width: int, kind: str, inputs: Inputs = FASHION_MNIST) -> int:
    """The deepest network of hidden layers of this width, up to 300, whose gradient lies within the limits of the rule
    in 19 of 20 draws."""
    mean = Inputs((inputs.mean_square,), inputs.similarity, inputs.source)
    signal = propagate(scheme, phi, [784, *[width] * DEEPEST, 10], mean, pairs=False)
    with np.errstate(divide="ignore", over="ignore"):
        means = np.cumsum(np.log(signal.gain_back[:-1])) / 2  # of g_1 / g_d, d = 2, 3, ...: cut off behind layer d
    spreads = signal.spread_back[:DEEPEST][::-1][1:]  # of as many layers
    low, high = (limit[kind] * math.log(10) for limit in (LOST, GAINED))
    half = np.sqrt(spreads)  # two sigma of log g, half that of log g^2
    inside = (means - half > low) & (means + half < high)
    return DEEPEST if inside.all() else int(np.flatnonzero(~inside)[0]) + 1
