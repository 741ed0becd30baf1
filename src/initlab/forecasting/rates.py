"""Between which learning rates does it train? From the recursion alone: what one step of SGD or Adam does.

K_l(x, x') = (h_{l-1} . h'_{l-1} + 1) |d z / d z_l|^2 is layer l's part of the tangent kernel of one output z: lr times
it is how far a step on x' moves z(x). Three sums over the layers follow:

    D = sum_l K_l(x, x) - K_l(x, x')      moves two inputs apart: 200 steps of lr D tell classes apart, or do not
    R = sum_l sqrt(K_l(x, x')) / |W_l|    by what share of its size (spectral norm) a step of lr 1 changes a layer
    P = sum_l K_l(x, x') / |d z / d z_l| s_l
                                          how far a step of lr 1 moves the hidden z_l, those of all inputs the same way,
                                          in units of s_l, by how much those of different inputs differ (std)

R counts for more in a narrow deep network, whose product of random matrices scatters by sum_l 1 / n_l (Hanin and Nica
2020). So lr is large enough where 200 lr D passes one limit, and small enough where lr R sum_l 1 / n_l stays below
another, and lr P below a third. Momentum m makes lr / (1 - m) of the first lr and of the third, whose steps go one way,
and lr / (1 + m) of the second (a quadratic is stable up to 2 (1 + m) / curvature). Adam moves every weight by about lr,
so that its share is sqrt(fan_in fan_out) / |W_l| and its P sum_l fan_in sqrt(E[h h']) / s_l, s_l at least 1; it has got
far enough where 200 lr times the mean share of the layers passes a limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from initlab.limits import EDGE_LARGE, EDGE_SMALL, TOO_FAR, TOO_LARGE, TOO_SMALL
from initlab.theory.elementwise import Elementwise
from initlab.theory.inputs import Inputs
from initlab.theory.integrals import moments
from initlab.theory.recursion import Draw, Signal

STEPS = 200  # of the record's runs
FAR_OUT = np.array([-1e4, 1e4])
DIGITS = (1, 2, 3, 5)  # of a learning rate that is proposed


class Scheme(Draw, Protocol):
    """A scheme that may also have step sizes, as muP does."""

    def step_size(self, layer: int, layers: int, fan_in: int, fan_out: int, kind: str, *, bias: bool) -> float: ...


@dataclass(frozen=True)
class Rate:
    """How a run moves its weights: constant lr, momentum of SGD, number of steps."""

    lr: float
    momentum: float = 0.0
    steps: float = STEPS


@dataclass(frozen=True)
class Window:
    """The limits of lr within which a network trains in 200 steps; clear by factors around them.

    large: what happens above `high`.
    """

    low: float
    high: float
    large: str
    kind: str

    def small_by(self, lr: float, steps: float = STEPS) -> float:
        """In units of the edge: above 1 clearly too small, below -1 clearly not."""
        return _log10(self.low * STEPS / max(steps, 1) / lr) / EDGE_SMALL[self.kind] if lr > 0 else math.inf

    def large_by(self, lr: float) -> float:
        return (_log10(lr) - _log10(self.high)) / EDGE_LARGE if lr > 0 and not math.isnan(self.high) else -math.inf

    def nearest(self, lr: float | None = None) -> float | None:
        """The round learning rate that clearly trains and is nearest to `lr` (the largest if None); None if none is."""
        low, high = self.low * 10 ** EDGE_SMALL[self.kind], self.high * 10**-EDGE_LARGE
        if not low < high < math.inf:
            return None
        wanted = min(max(lr or high, low), high)
        decade = math.floor(math.log10(wanted))
        rounds = [float(f"{digit}e{decade + more}") for digit in DIGITS for more in (-1, 0, 1)]
        inside = [rate for rate in rounds if low < rate < high]
        return min(inside, key=lambda rate: abs(math.log(rate / wanted)), default=None)


@dataclass(frozen=True)
class Effects:
    """Of a step of lr 1: D (Adam: R a layer), R sum_l 1 / n_l and P, as above; whether the activation is bounded."""

    apart: float
    share: float
    push: float
    bounded: bool

    def window(self, kind: str, momentum: float = 0.0) -> Window:
        """From the limits fitted to the record; `kind`: "sgd" or "adam"."""
        large = "it saturates and stays there" if self.bounded else "it diverges"
        with np.errstate(divide="ignore"):
            high = 10 ** TOO_LARGE[kind][self.bounded] * np.divide(1 + momentum, self.share)
            far = 10 ** TOO_FAR[kind][self.bounded] * np.divide(1 - momentum, self.push)
            low = 10 ** TOO_SMALL[kind] / STEPS * np.divide(1 - momentum, self.apart)
        if far < high:
            high, ends = far, "saturate" if self.bounded else "die"
            large = f"what the inputs share moves its units until they {ends}"
        return Window(float(low), float(high), large, kind)


def effects(
    signal: Signal, scheme: Scheme, phi: Elementwise, widths: Sequence[int], inputs: Inputs, *, bias: bool, kind: str
) -> Effects:
    """Of a network with hidden layers, whose `signal` was propagated with pairs."""
    sizes = list(pairwise(widths))
    count = len(sizes)
    fan_in, fan_out = np.array(sizes, float).T
    steps = np.array([scheme.step_size(i, count, *size, kind, bias=False) for i, size in enumerate(sizes)])
    with np.errstate(all="ignore"):
        square = np.array([inputs.mean_square, *moments(phi, signal.square[:-1]).square])  # E[h^2] of what enters
        stds = [scheme.at(i, count).weight_std(*size, phi.gain) for i, size in enumerate(sizes)]
        weight = signal.square / square if scheme.unit_signal else fan_in * np.array(stds) ** 2
        apart = signal.distance * signal.square / weight  # E[(h - h')^2] / 2
        slope = np.ones(count)  # |d z / d z_l|^2 of one output z
        for i in range(count - 2, -1, -1):
            slope[i] = slope[i + 1] * signal.gain_back[i] * widths[i + 1] / widths[i + 2]
        alike = np.maximum(square - apart, 0.0)  # E[h h'], below 0 where the inputs push each other apart
        shared = fan_in * alike + bias
        size = np.sqrt(weight) * (1 + np.sqrt(fan_out / fan_in))  # spectral norm of a layer's weights
        share = steps * (np.sqrt(fan_in * fan_out) if kind == "adam" else np.sqrt(shared * slope)) / size
        differs = np.sqrt(signal.distance * signal.square)
        if kind == "adam":
            push = steps * fan_in * np.sqrt(alike) / np.maximum(differs, 1.0)
        else:
            push = steps * shared * np.sqrt(slope) / differs
        moved = share.mean() if kind == "adam" else (steps * fan_in * apart * slope).sum()
        scatter = sum(1 / n for n in widths[1:-1])
        return Effects(float(moved), float(share.sum() * scatter), float(push[:-1].sum()), is_bounded(phi))


def is_bounded(phi: Elementwise) -> bool:
    return bool(np.all(np.abs(phi.value(FAR_OUT)) < math.sqrt(FAR_OUT[-1])))


def _log10(x: float) -> float:
    return math.log10(x) if x > 0 else -math.inf
