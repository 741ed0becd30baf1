"""How far the gradients of one draw of the weights lie from those of the mean over draws, to first order in 1 / n.

A layer multiplies g^2 by a mean over its units of phi'^2 times a square, of relative variance
own / n, own = (1 + Cov(phi'(u)^2, phi'(v)^2) / E[phi'^2]^2) (1 + 2 rho^2) - 1, rho the correlation of the gradients of
two inputs, and follows the draw's q by b = d log E[phi'^2] / d log q. Part of the error at the outputs follows from z
itself; that part of the gradient goes along z in every layer, and is larger than chance has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from initlab.theory.chance import ALIKE, LARGEST, Chance, Sampled, Unit, gamma_log, sampled
from initlab.theory.chance import few as few_of
from initlab.theory.elementwise import Array

PAIRS = 1000  # of the sample of errors
NORMAL, OF_NORMAL = np.polynomial.hermite_e.hermegauss(9)  # places, and weights under N(0, 1) but for a factor


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # of a signal that is 0 or without end
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
    mean, its variance, the part of it that is chance of the way back alone, and 1 / the number of inputs that it rests
    on.

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
        centre, variance = gamma_log((own[0] + (own[1] - own[0]) * few_of(unequal, batch)) / n)
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
            few[i] = few_of(unequal + apart, batch)
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
    if not x > 0:
        return 0.0, 0.0
    values = np.logaddexp(0.0, math.log(x) + math.sqrt(min(max(variance, 0.0), LARGEST)) * NORMAL)
    weights = OF_NORMAL / OF_NORMAL.sum()
    mean = float(weights @ values)
    return mean, float(weights @ (values - mean) ** 2)


def _own(parts: Sampled, alike: float, here: Chance, excess: float, behind: int) -> float:
    """n times the relative variance of a layer's factor on g^2: a mean of phi'^2 y^2, y the gradient that comes back
    through the weights, whose length orthogonal ones keep."""
    length = 2 * alike * (max(0.0, 1 - here.units / behind) if here.orthogonal else 1.0)
    length += excess * (1 + 2 * alike) / behind * (1 + parts.free)
    return max(parts.slope + 2 * alike * parts.free + length, 0.0)
