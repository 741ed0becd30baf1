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

The gradient likewise: a layer multiplies g^2 by a mean over its units of phi'^2 times a square, of relative variance
own / n, own = (1 + Cov(phi'(u)^2, phi'(v)^2) / E[phi'^2]^2) (1 + 2 rho^2) - 1, rho the correlation of the gradients of
two inputs, and follows the draw's q by b = d log E[phi'^2] / d log q. Part of the error at the outputs follows from z
itself; that part of the gradient goes along z in every layer, and is larger than chance has it.

No factor in this file was fitted: docs/forecast_accuracy.csv holds it against drawn networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from initlab.theory.elementwise import Array
from initlab.theory.expansion import Expansion

PAIRS = 1000  # of the sample of errors

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


def shown(here: Chance, batch: int) -> tuple[float, float, float]:
    """Of the std of all n units of a batch about their mean: mean and variance of the logarithm of its square, beyond
    the logarithm of the mean square; and the correlation of two inputs that shows."""
    n, c = here.units, here.mean
    square = max(here.rms**2, c * c)
    middle = max(1 - c / n, 1e-12)  # the mean that is subtracted has the variance c / n
    free = (here.length[1] - here.tails) / 2  # of 1: what orthogonal weights do not keep
    noise = 2 * free * ((square - c * c) / n + c * c * (n - 1) / n**2) + 2 * (1 - free) * c * c / n**2 + here.tails / n
    noise += max(here.length[1] - here.length[0], 0.0) / n * _few(here.spread, batch)
    centre, variance = gamma_log(noise / middle**2)
    differ = here.spread + (here.length[1] - here.length[0]) / n  # of the sizes of two inputs
    alike = c * _in_size(differ)
    return here.shift + math.log(middle) + centre, here.all + here.spread * _few(here.spread, batch) + variance, alike


def _in_size(variance: float) -> float:
    """E[sqrt(x)]^2 / E[x] of a gamma-distributed x whose logarithm has this variance."""
    if variance < 1e-6:
        return 1 - variance / 4
    shape = (1 + math.sqrt(1 + 2 * variance)) / (2 * variance)  # trigamma of it is the variance, nearly
    return math.exp(2 * math.lgamma(shape + 0.5) - 2 * math.lgamma(shape)) / shape


def _few(spread: float, batch: int) -> float:
    """1 / the number of inputs that a mean over the batch rests on, where the logarithms of their shares have this
    variance."""
    return 1 / (1 + (batch - 1) * math.exp(-spread))


def gamma_log(variance: float) -> tuple[float, float]:
    """Mean and variance of the logarithm of a gamma-distributed number of mean 1 and this variance."""
    if not variance > 1e-9:
        return -variance / 2, variance
    shape = torch.tensor(1 / variance, dtype=torch.float64)
    return float(torch.special.digamma(shape) - shape.log()), float(torch.special.polygamma(1, shape))


def of_gradients(
    hidden: Sequence[tuple[Chance, Unit]],
    output: Chance,
    squares: Sequence[float],
    shares: Sequence[float],
    excess: Sequence[float],
    factors: Sequence[float],
    batch: int,
) -> tuple[Array, ...]:
    """Of log(g_l^2 / g_L^2) for each hidden layer and the output layer: how far its mean lies from the logarithm of the
    mean, its
    variance, the part of it that is chance of the way back alone, and 1 / the number of inputs that it rests on.

    squares: E[z^2] of every layer. shares[l], excess[l], factors[l]: of what layer l hands on, r; of the weights behind
        it, the excess kurtosis; E[g_l^2] / E[g_{l+1}^2].
    """
    count = len(hidden)
    shift, spread, alone, few = np.zeros((4, count + 1))
    error = errors(float(squares[-1]) * math.exp(output.shift), output.mean, output.units)
    alike, along, coherent, doubt = error.alike, error.along, 0.0, 0.0
    moved = own_sum = 0.0
    unequal = 0.0  # how much the inputs' gradients differ in size, as a variance of logarithms
    later = {True: 0.0, False: 0.0}  # of the batch, of one input: chance of the signal that comes in behind layer l
    effect = 0.0  # of log q_{l+1} upon the factors from there on
    above = 0.0
    for i in range(count - 1, -1, -1):
        here, unit = hidden[i]
        both, one = sampled(here, unit)
        n, a, b = here.units, unit.follows, unit.follows_back
        own = [
            _own(parts, square, here, excess[i] * (1 + above), (hidden[i + 1][0] if i < count - 1 else output).units)
            for parts, square in ((both, alike), (one, 1.0))
        ]
        centre, variance = gamma_log((own[0] + (own[1] - own[0]) * _few(unequal, batch)) / n)
        unequal += max(math.log1p(own[1] / n) - math.log1p(own[0] / n), 0.0)
        step = centre + b * (here.shift - here.spread / 2) + unit.bend_back * here.one / 2
        step += (unit.bend_back + b * b - b) * here.kurtosis / 6
        if i < count - 1:  # the weights behind are those that made the signal whose slopes are behind them
            entries = float(unit.series.common(ALIKE, unit.series.both)[0]) + (
                0.0 if hidden[i + 1][0].orthogonal else 1.0
            )
            step += 2 * hidden[i + 1][1].follows_back * entries / n
        behind = hidden[i + 1][0] if i < count - 1 else output
        aligned = (
            shares[i]
            * along
            / n
            * max(float(unit.series.common(ALIKE, unit.series.both)[0]) + (0.0 if here.orthogonal else 1.0), 0.0)
        )
        wider = squares[i + 1] / squares[i] * math.exp(behind.shift - here.shift) / factors[i] * behind.units / n
        along *= (a * shares[i]) ** 2 * (wider if math.isfinite(wider) else 0.0) / (1 + aligned)
        if i == count - 1:
            shift[-1], spread[-1], alone[-1] = -step, variance + b * b * here.all + 2 * (alike / n) ** 2, variance
        else:
            for whole, parts in ((True, both), (False, one)):
                at_once = effect * shares[i]
                later[whole] += (2 * at_once * parts.both + at_once**2 * parts.square) / n
            effect = b + shares[i] * a * effect
            own_sum += variance
            moved += step
            followed = later[True] + effect**2 * here.all, later[False] + effect**2 * here.one
            shift[i] = moved + (followed[1] - followed[0]) / 2
            apart = max(followed[1] - followed[0], 0.0)
            few[i] = _few(unequal + apart, batch)
            spread[i], alone[i] = max(own_sum + followed[0] + apart * few[i], 0.0), own_sum
            spread[i] += 2 * (alike / n) ** 2
            coherent += aligned
            # aligned goes with log q of the output by error.growth, and with that of the layer behind by -1
            since = max(output.all - behind.all, 0.0) + output.length[0] / output.units
            doubt += aligned * (error.growth**2 * since + (error.growth - 1) ** 2 * behind.all)
            more, chance = _log_of_sum(coherent, doubt / coherent if coherent else 0.0)
            shift[i] += more
            spread[i] += chance
        c, weights = here.pairs
        kept = alike * float(weights @ unit.series.of_slopes(c) ** 2)
        alike = min((kept + ((1 + both.slope) * (1 + 2 * alike) - kept) / n) / (1 + own[0] / n), 1.0)
        above = both.slope
    return np.clip(shift, -LARGEST, LARGEST), spread, alone, few


@dataclass(frozen=True)
class Errors:
    """e = softmax(z) - y of random classes at the output.

    alike:   E[(e . e')^2] / E[e . e]^2 of two inputs.
    along:   E[e . z]^2 / E[e . e] q: how much of e is not chance but follows from z.
    growth:  d log E[e . z]^2 / d log q.
    """

    alike: float
    along: float
    growth: float


def errors(q: float, c: float, outputs: int) -> Errors:
    """For z ~ N(0, q) of correlation c between two inputs, by a fixed sample; of one output e = z."""
    if outputs == 1:
        return Errors(1.0, 1.0, 2.0)
    whole, q, outputs = q, min(max(q, 1e-8), 1e6), min(outputs, 100)
    rng = np.random.default_rng(0)
    shared, *own = rng.standard_normal((3, PAIRS, outputs))
    label = rng.integers(outputs, size=(2, PAIRS))
    found, follows = [], []
    for size in (q, 1.1 * q):
        parts = []
        for part, y in zip(own, label, strict=True):
            z = math.sqrt(size) * (math.sqrt(max(c, 0.0)) * shared + math.sqrt(min(1 - c, 1.0)) * part)
            p = np.exp(z - z.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            follows.append(float((p * (z - z.mean(1, keepdims=True))).sum(1).mean()))
            p[np.arange(PAIRS), y] -= 1
            parts.append(p)
        found.append(parts)
    one, other = found[0]
    square = (one**2).sum(1).mean(), (other**2).sum(1).mean()
    alike = float(((one * other).sum(1) ** 2).mean() / square[0] / square[1])
    here, larger = follows[0] + follows[1], follows[2] + follows[3]
    growth = 2 * math.log(larger / here) / math.log(1.1) if here > 0 and larger > 0 else 0.0
    along = (here / 2) ** 2 / (q * float(sum(square)) / 2) * min(whole / q, 1.0)  # of small z in proportion to q
    return Errors(min(alike, 1.0), along, growth)


def _log_of_sum(x: float, variance: float) -> tuple[float, float]:
    """Mean and variance of log(1 + y), y log-normal around x with this variance of its logarithm."""
    t, weights = np.polynomial.hermite_e.hermegauss(9)
    values = np.log1p(x * np.exp(math.sqrt(max(variance, 0.0)) * t))
    mean = float((weights * values).sum() / weights.sum())
    return mean, float((weights * (values - mean) ** 2).sum() / weights.sum())


def _own(parts: Sampled, alike: float, here: Chance, excess: float, behind: int) -> float:
    """n times the relative variance of a layer's factor on g^2: a mean of phi'^2 y^2, y the gradient that comes back
    through the weights, whose length orthogonal ones keep."""
    length = 2 * alike * (max(0.0, 1 - here.units / behind) if here.orthogonal else 1.0)
    length += excess * (1 + 2 * alike) / behind * (1 + parts.free)
    return parts.slope + 2 * alike * parts.free + length
