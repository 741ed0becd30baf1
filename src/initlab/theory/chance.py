"""How far one draw of the weights lies from the mean of all, to first order in 1 / n.

A layer of n units, whose inputs a batch of correlation c shares, is a sample of n: given the layers before, its units
are alike and independent, so that the mean square of what they hand on has the relative variance k / n, with
k = Cov(phi(u)^2, phi(v)^2) / E[phi^2]^2 of two inputs u, v (`initlab.theory.expansion`). D is the variance of the
logarithm of the mean square that a layer is given, of a whole batch or of one input, and m the mean of that logarithm
beyond that of the mean; with r the share of q_{l+1} that is not the bias's, a = d log E[phi^2] / d log q and
a' = da / d log q,

    D_{l+1} = (r a)^2 D_l + Var log(1 + r x),   x of mean 0 and variance k / n_l, as a gamma-distributed number has it
    m_{l+1} = r a m_l + (r a' + a^2 r (1 - r)) D_l / 2 + r (a' + a^2 - a) (D_l of one input - D_l) / 2
              + E log(1 + r x)

What shows of a layer itself has the chance of its n units in addition. Orthogonal weights keep the length of every
vector, or lose what a projection loses: their k lacks the part that is in z^2, 2 a^2 c^2.

No factor here was fitted: docs/data/forecast_accuracy.csv holds it against drawn networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from initlab.theory.elementwise import Array
from initlab.theory.expansion import Expansion

LARGEST = 300.0  # of a logarithm or its variance: beyond it first order says nothing
ALIKE = np.ones(1)  # the correlation of an input with itself


@dataclass(frozen=True)
class Sampled:
    """n times relative (co)variances of the means over n units: of phi^2, of phi'^2, of both; free: of phi'^2 where
    orthogonal weights fixed nothing."""

    square: float
    slope: float
    both: float
    free: float


@dataclass(frozen=True)
class Unit:
    """What a unit makes of a signal of the size that its layer has; see `initlab.theory.integrals.Moments`."""

    follows: float
    bend: float
    follows_back: float
    bend_back: float
    fourth: float
    series: Expansion


@dataclass(frozen=True)
class Chance:
    """Of the z of one layer, given what all layers before hold: its units are independent of each other then.

    all, one:   variance of the logarithm of the mean square, over a batch and of one input.
    shift:      mean of that logarithm (of the batch), beyond the logarithm of the mean over draws.
    mean, rms:  correlation of the z of two inputs in a typical draw, its mean over pairs and its root mean square.
    length:     (all, one): n times the relative variance of the mean square of the n units themselves.
    tails:      excess kurtosis of z, as two inputs share it.
    units:      n.
    orthogonal: whether the weights are.
    """

    all: float
    one: float
    shift: float
    mean: float
    rms: float
    length: tuple[float, float]
    tails: float
    units: int
    orthogonal: bool

    @property
    def pairs(self) -> tuple[Array, Array]:
        """Correlations of three typical pairs of inputs, and their weights: the mean and the root mean square of many,
        as those of a normal distribution would be."""
        sigma = math.sqrt(max(self.rms**2 - self.mean**2, 1e-12))
        wide = max(min(math.sqrt(3), (1 - self.mean) / sigma, (1 + self.mean) / sigma), 1.0)  # none beyond 1
        c = self.mean + wide * sigma * np.array([-1.0, 0.0, 1.0])
        return np.clip(c, -1.0, 1.0), np.array([0.5, wide**2 - 1, 0.5]) / wide**2

    @property
    def kurtosis(self) -> float:
        """Excess kurtosis of the z of one input; of n numbers whose squares add up to n it is -6 / n."""
        return self.tails + 3 * (self.length[1] - 2 - self.tails) / self.units

    @property
    def spread(self) -> float:
        """How much the inputs of one draw differ, as a variance of logarithms."""
        return max(self.one - self.all, 0.0)


def start(similarity: float, overlap: float) -> Chance:
    """Of the inputs: no chance at all yet."""
    return Chance(0.0, 0.0, 0.0, similarity, math.sqrt(min(overlap, 1.0)), (0.0, 0.0), 0.0, 0, False)


def drawn(before: Chance, fan_in: int, fan_out: int, tails: float, orthogonal: bool) -> Chance:
    """`before`, whose `units`, `length` and `tails` are not yet known, with those of the weights [fan_out, fan_in]."""
    lengths = []
    for square in (before.rms**2, 1.0):
        if orthogonal:
            lost = max(0.0, 1 - fan_out / fan_in) * fan_in**2 / max((fan_in - 1) * (fan_in + 2), 1)
            lengths.append(2 * lost * max(square - 1 / fan_in, 0.0))
        else:
            lengths.append(2 * square + tails)
    return replace(before, length=(lengths[0], lengths[1]), tails=tails, units=fan_out, orthogonal=orthogonal)


def sampled(here: Chance, unit: Unit) -> tuple[Sampled, Sampled]:
    """Of what the units hand on, for a batch and for one input."""
    found = []
    a, b, series = unit.follows, unit.follows_back, unit.series
    for (c, weights), length in zip((here.pairs, (ALIKE, ALIKE)), here.length, strict=True):
        alike = float(weights @ c**2)
        square, slope, both = (float(weights @ series.common(c, t)) for t in (series.square, series.slope, series.both))
        beyond = length - 2 * alike
        square += a * a * beyond + (unit.fourth - a * a) * here.tails * alike
        found.append(Sampled(max(square, 0.0), max(slope + b * b * beyond, 0.0), both + a * b * beyond, slope))
    return found[0], found[1]


def handed_on(here: Chance, unit: Unit, share: float) -> Chance:
    """The next layer's, as far as this one decides it; `share`: r."""
    r, a, bend = share, unit.follows, unit.bend
    both, one = sampled(here, unit)
    centre, variance = gamma_log(r * r * both.square / here.units)
    shift = r * a * here.shift + (r * bend + a * a * r * (1 - r)) * here.all / 2 + centre
    shift += r * (bend + a * a - a) * here.spread / 2
    shift += r * (bend + a * a - a) * here.kurtosis / 6
    c, weights = here.pairs
    series = unit.series
    kept = series.value[1] ** 2 * (1 - (here.length[1] - here.tails) / 2)  # of what the weights cannot change
    cosines = 1 - r * (1 - series.correlation(c)) + r * (series.drift(c) + kept * c * (1 - c * c) / 2) / here.units
    moved = float(weights @ (r * (1 - series.correlation(c) ** 2)) ** 2)
    # 1 - cos of a typical draw is less than its mean, by half the variance that the layer gives to its logarithm
    wander = max(both.square + both.slope - 2 * both.both, 0.0) * max(here.mean, 0.0) ** 2 / here.units
    cosines = 1 - (1 - cosines) * math.exp(-wander / 2)
    mean, rms = float(weights @ cosines), math.sqrt(float(weights @ cosines**2) + (1 - kept) * moved / here.units)
    return Chance(
        all=min((r * a) ** 2 * here.all + variance, LARGEST),
        one=min((r * a) ** 2 * here.one + gamma_log(r * r * one.square / here.units)[1], LARGEST),
        shift=min(max(shift, -LARGEST), LARGEST),
        mean=min(max(mean, -1.0), 1.0),
        rms=min(rms, 1.0),
        length=(0.0, 0.0),
        tails=0.0,
        units=0,
        orthogonal=here.orthogonal,
    )


def of_a_batch(here: Chance, batch: int) -> tuple[float, float, float]:
    """Of the std of all n units of a batch about their mean: mean and variance of the logarithm of its square, beyond
    the logarithm of the mean square; and the correlation of two inputs that shows."""
    n, c = here.units, here.mean
    square = max(here.rms**2, c * c)
    middle = max(1 - c / n, 1e-12)  # the mean that is subtracted has the variance c / n
    free = (here.length[1] - here.tails) / 2  # of 1: what orthogonal weights do not keep
    noise = 2 * free * ((square - c * c) / n + c * c * (n - 1) / n**2) + 2 * (1 - free) * c * c / n**2
    noise += max(here.length[1] - here.length[0], 0.0) / n * few(here.spread, batch)
    noise = min(noise / middle**2, 2 / max(n - 1, 1))  # at most that of n normal numbers, one a unit
    centre, variance = gamma_log(noise + here.tails / n)
    differ = here.spread + (here.length[1] - here.length[0]) / n  # of the sizes of two inputs
    alike = c * _in_size(differ)
    return here.shift + math.log(middle) + centre, here.all + here.spread * few(here.spread, batch) + variance, alike


def _in_size(variance: float) -> float:
    """E[sqrt(x)]^2 / E[x] of a gamma-distributed x whose logarithm has this variance."""
    if variance < 1e-6:
        return 1 - variance / 4
    shape = (1 + math.sqrt(1 + 2 * variance)) / (2 * variance)  # trigamma of it is the variance, nearly
    return math.exp(2 * math.lgamma(shape + 0.5) - 2 * math.lgamma(shape)) / shape


def few(spread: float, batch: int) -> float:
    """1 / the number of inputs that a mean over the batch rests on, where the logarithms of their shares have this
    variance."""
    return 1 / (1 + (batch - 1) * math.exp(-spread))


def gamma_log(variance: float) -> tuple[float, float]:
    """Mean and variance of the logarithm of a gamma-distributed number of mean 1 and this variance, of which a first
    order whose terms cancel may leave less than nothing."""
    variance = max(variance, 0.0)
    if not variance > 1e-9:
        return -variance / 2, variance
    shape = torch.tensor(1 / variance, dtype=torch.float64)
    return float(torch.special.digamma(shape) - shape.log()), float(torch.special.polygamma(1, shape))
