"""A signal's way through a network that has not been drawn yet, forwards and backwards.

z_l = W_l h_{l-1} + b_l, h_l = phi(z_l), W of variance s^2, b of variance t^2, n units. Per input, over draws of the
weights (Poole et al. 2016; Schoenholz et al. 2017):

    forward      q_{l+1} = n_l s^2 E[phi(sqrt(q_l) z)^2] + t^2          q_1 = n_0 s^2 |x|^2 / n_0 + t^2
    pairs        1 - c_{l+1} = n_l s^2 E[(phi(u) - phi(v))^2] / 2 q_{l+1}
    backward     E[g_l^2] = n_{l+1} s^2 E[phi'(sqrt(q_l) z)^2] E[g_{l+1}^2],   g = d loss / d z

What one draw of finite width makes of it is in `initlab.theory.chance` and `initlab.theory.gradient_chance`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from initlab.theory.chance import Chance, Unit, drawn, handed_on, of_a_batch, sampled, start
from initlab.theory.elementwise import Array, Elementwise
from initlab.theory.expansion import expansion
from initlab.theory.gradient_chance import of_gradients
from initlab.theory.inputs import Inputs
from initlab.theory.integrals import Moments, decorrelation, moments

BATCH = 256  # inputs that a measured figure is taken over; whichever they are, they are not the average inputs


class Draw(Protocol):
    """What is asked of a scheme in `initlab.init`."""

    @property
    def entries(self) -> str: ...

    @property
    def unit_signal(self) -> bool: ...

    def at(self, layer: int, layers: int) -> Draw: ...

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float: ...

    def bias_std(self, fan_in: int) -> float: ...

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float: ...

    def bias_excess_kurtosis(self) -> float: ...


@dataclass(frozen=True)
class Signal:
    """Of the dense layers, the output layer last; arrays [layers] unless said otherwise.

    square:       E[z^2] over inputs and draws.
    typical:      the square of the std over units and inputs in the typical (median) draw.
    spread:       the variance of its logarithm from draw to draw, over a batch of inputs.
    tails:        how far the entries' own distribution shows in z, e k / n: its excess kurtosis.
    mean_after:   E[phi(z)], the mean output of the activation behind the layer (nan behind the last).
    distance:     1 - c: c the correlation of the z of two inputs, in layers without end.
    alike:        that correlation in a typical draw.
    gain_back:    E[g_l^2] / E[g_{l+1}^2], a factor for each layer but the last: its chi_1, where widths are equal.
    shift_back:   mean of log(g_l^2 / g_L^2) from draw to draw, less the logarithm of `backward`.
    spread_back:  variance of log(g_l^2 / g_L^2) from draw to draw.
    own_back:     the part of it that is chance of the way back; the rest follows the signal's.
    few_back:     1 / the number of inputs of the batch that the gradient rests on.
    tails_back:   how far the entries' own distribution shows in the gradient: the largest e / n from the last layer on.
    growth:       d log q_{l+1} / d log q_l, for each layer but the last.
    backward:     E[g_l^2] / E[g_L^2], g_L that of the last layer before the output; [layers].
    """

    square: Array
    typical: Array
    spread: Array
    tails: Array
    mean_after: Array
    distance: Array
    alike: Array
    gain_back: Array
    shift_back: Array
    spread_back: Array
    own_back: Array
    few_back: Array
    tails_back: Array
    growth: Array
    backward: Array


def propagate(
    draw: Draw,
    phi: Elementwise,
    widths: Sequence[int],
    inputs: Inputs,
    *,
    bias: bool = True,
    batch: int = BATCH,
    pairs: bool = True,
) -> Signal:
    """Through dense layers of `widths` = [inputs, hidden ..., outputs] with phi between them.

    Without `pairs` no `distance` is computed (nan), which takes half the time.
    """
    sizes = list(pairwise(widths))
    orthogonal = draw.entries == "orthogonal"
    of_inputs = slice(0, -1)  # one number for each group of inputs; behind them one for the pair of average inputs
    squares = np.array([*inputs.squares, inputs.mean_square])  # E[h^2] of what enters the layer
    apart = (1 - inputs.similarity) * inputs.mean_square  # E[(h - h')^2] / 2 of the pair
    q, d = squares, 1 - inputs.similarity
    handed = start(inputs.similarity / _unequal(squares[of_inputs]), inputs.overlap)
    m: Moments | None = None
    here: Chance | None = None
    rows: list[dict[str, float]] = []
    factors: list[Array] = []
    hidden: list[tuple[Chance, Unit]] = []
    shares: list[float] = []
    excesses: list[float] = []
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for i, (fan_in, fan_out) in enumerate(sizes):
            at = draw.at(i, len(sizes))
            weight = fan_in * at.weight_std(fan_in, fan_out, phi.gain) ** 2
            offset = at.bias_std(fan_in) ** 2 if bias else 0.0
            excess = at.excess_kurtosis(fan_in, fan_out)
            if m is not None:
                squares, apart = m.square, decorrelation(phi, float(q[-1]), d) if pairs else math.nan
            if draw.unit_signal and squares.any():
                weight, offset = 1 / float(squares[of_inputs].mean()), 0.0
            before, q = q, weight * squares + offset
            entries = inputs.columns
            if m is not None and here is not None:
                unit = _unit(phi, before, m)
                share = _mean(np.where(q > 0, weight * squares / np.where(q > 0, q, 1.0), 0.0)[of_inputs], q[of_inputs])
                hidden.append((here, unit))
                shares.append(share)
                excesses.append(excess)
                handed = handed_on(here, unit, share)
                rows[-1]["growth"] = share * unit.follows
                factors.append((fan_out * weight / fan_in * m.slope_square)[of_inputs])
                entries = 1 + sampled(here, unit)[0].square
            if draw.unit_signal:
                handed = replace(handed, all=0.0, one=0.0, shift=0.0)
            of_bias = offset / float(q[-1]) if q[-1] > 0 else 0.0
            tails = (1 - of_bias) ** 2 * excess * entries / fan_in + of_bias**2 * at.bias_excess_kurtosis()
            here = drawn(handed, fan_in, fan_out, tails, orthogonal)
            d = float(np.clip(weight * apart / q[-1], 0.0, 2.0)) if q[-1] > 0 else 0.0
            m = moments(phi, q)
            row = {"tails": here.tails, "distance": d, "square": float(q[of_inputs].mean())}
            row["mean"] = float(m.mean[of_inputs].mean())
            relative = float((q[of_inputs] / row["square"]).var()) if row["square"] > 0 else 0.0
            shift, spread, cosine = of_a_batch(here, batch)
            row["alike"] = cosine * _unequal(q[of_inputs])
            if draw.unit_signal:  # made 1 by that very std, within a tolerance
                shift, spread = 0.0, getattr(draw, "tolerance", 0.0) ** 2
            row["typical"], row["spread"] = row["square"] * math.exp(shift), spread + relative / batch
            rows.append(row)
    assert here is not None  # there are at least two widths
    count = len(rows) - 1  # hidden layers
    backward, of_batch = np.full(count + 1, np.nan), np.zeros(count + 1)  # and the chance of which inputs a batch has
    if count:
        chain = np.ones(len(inputs.squares))
        backward[count - 1] = 1.0
        for i in range(count - 2, -1, -1):
            chain = chain * factors[i]
            backward[i] = chain.mean()
            of_batch[i] = (chain / backward[i]).var() / batch if 0 < backward[i] < np.inf else 0.0
        with np.errstate(divide="ignore"):
            backward[count] = 1 / factors[count - 1].mean()
    column = {name: np.array([row.get(name, np.nan) for row in rows]) for name in rows[0].keys() | {"growth"}}
    column["mean"][-1] = np.nan
    gains = np.array([factor.mean() for factor in factors])
    of_weights = [abs(excess) / width for excess, width in zip(excesses, widths[2:], strict=True)]
    back = of_gradients(hidden, here, list(column["square"]), shares, excesses, list(gains), batch)
    return Signal(
        square=column["square"],
        typical=column["typical"],
        spread=column["spread"],
        tails=column["tails"],
        mean_after=column["mean"],
        distance=column["distance"],
        alike=column["alike"],
        gain_back=gains,
        shift_back=back[0],
        spread_back=back[1] + of_batch,
        own_back=back[2],
        few_back=back[3],
        tails_back=np.maximum.accumulate([*of_weights[-1:], *of_weights[::-1]])[::-1] if count else np.zeros(1),
        growth=column["growth"][:-1],
        backward=backward,
    )


def _unit(phi: Elementwise, q: Array, m: Moments) -> Unit:
    """Of a batch: each group of inputs counts by what it hands on."""
    of_inputs = slice(0, -1)
    by_square, by_slope = m.square[of_inputs], m.slope_square[of_inputs]
    return Unit(
        follows=_mean(m.sensitivity[of_inputs], by_square),
        bend=_mean(m.bend[of_inputs], by_square),
        follows_back=_mean(m.slope_sensitivity[of_inputs], by_slope),
        bend_back=_mean(m.slope_bend[of_inputs], by_slope),
        fourth=float(m.fourth[-1]),
        series=expansion(phi, float(q[-1])),
    )


def _mean(x: Array, weights: Array) -> float:
    total = weights.sum()
    return float((x * weights).sum() / total) if total > 0 and np.isfinite(total) else float(x.mean())


def _unequal(q: Array) -> float:
    """E[|z| |z'|] / E[|z|^2] of two inputs, whose sizes are independent."""
    return float(np.sqrt(q).mean() ** 2 / q.mean()) if q.any() else 1.0
