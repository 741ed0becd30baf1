"""A signal's way through a network that has not been drawn yet, forwards and backwards.

z_l = W_l h_{l-1} + b_l, h_l = phi(z_l), W of variance s^2, b of variance t^2, n units. Per input, over draws of the
weights (Poole et al. 2016; Schoenholz et al. 2017):

    forward      q_{l+1} = n_l s^2 E[phi(sqrt(q_l) z)^2] + t^2          q_1 = n_0 s^2 |x|^2 / n_0 + t^2
    pairs        1 - c_{l+1} = n_l s^2 E[(phi(u) - phi(v))^2] / 2 q_{l+1}
    backward     E[g_l^2] = n_{l+1} s^2 E[phi'(sqrt(q_l) z)^2] E[g_{l+1}^2],   g = d loss / d z

Finite width: the mean square of n units is no exact number. With V_l the variance of its logarithm, k = E[phi^4] /
E[phi^2]^2 and a = d log E[phi^2] / d log q, one layer makes of it

    V_{l+1} = r^2 (a^2 V_l + (k - 1 - 2 a^2) / n_l) + (2 + e k / n_l) / n_{l+1},   V_1 = 2 / n_1

r being the share of q_{l+1} that is not the bias's, e the excess kurtosis of the entries of W. (2 a^2 is what z^2 tells
of phi^2 already: its share is in V_l.) Orthogonal weights keep the length of a vector, or lose what a projection from N
to n < N dimensions loses: the last term is 2 (1 - n / N) / n. Then q_l of one draw is log-normal around q_l exp(-V_l /
2).

The gradient likewise. A layer's factor on E[g^2] has a variance of its own, (3 E[phi'^4] / E[phi'^2]^2 - 1) / n
(orthogonal: 3 less 3), and it follows the draw's q_l by b = d log E[phi'^2] / d log q (of which 2 b^2 / n is counted
already), so that layers whose q_l go astray together change their factors together:

    E log(g_i^2 / g_L^2) = log(E[g_i^2] / E[g_L^2]) - sum_{i <= l < L} (own_l + b_l V_l) / 2
    Var log(g_i^2 / g_L^2) = sum_{i <= l < L} (own_l - 2 b_l^2 / n_l)
                             + sum_k N_k (sum_{l >= i, k} b_l a_k ... a_{l-1})^2

N_k being what layer k adds to V. What one draw shows is the std, about the mean of its n units: of inputs that are all
alike it lacks one of n degrees of freedom, and the logarithm of a mean of k squares has the variance trigamma(k / 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch

from initlab.theory.elementwise import Array, Elementwise
from initlab.theory.inputs import Inputs
from initlab.theory.integrals import Moments, decorrelation, moments

ROW = {"own", "follows", "growth"}  # of a layer, what is known only with the next one
BATCH = 256  # inputs that a measured figure is taken over; whichever they are, they are not the average inputs
COHERENT = 0.1  # mean cosine of the gradients of two inputs; of ten classes at random, a tenth of the pairs share one


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


@dataclass(frozen=True)
class Signal:
    """Of the dense layers, the output layer last; arrays [layers] unless said otherwise.

    square:       E[z^2] over inputs and draws.
    typical:      the square of the std over units and inputs in the typical (median) draw.
    spread:       the variance of its logarithm from draw to draw, over a batch of inputs.
    tails:        how far the entries' own distribution shows in z, e k / n: its excess kurtosis.
    mean_after:   E[phi(z)], the mean that the activation behind the layer puts out (nan behind the last).
    distance:     1 - c: c the correlation of the z of two inputs.
    gain_back:    E[g_l^2] / E[g_{l+1}^2], a factor for each layer but the last: its chi_1, where widths are equal.
    shift_back:   mean of log(g_l^2 / g_L^2) from draw to draw, less the logarithm of `backward`.
    spread_back:  variance of log(g_l^2 / g_L^2) from draw to draw.
    own_back:     the part of it that is chance of the way back; the rest follows the signal's.
    growth:       d log q_{l+1} / d log q_l, for each layer but the last.
    backward:     E[g_l^2] / E[g_L^2], g_L that of the last layer before the output; [layers].
    """

    square: Array
    typical: Array
    spread: Array
    tails: Array
    mean_after: Array
    distance: Array
    gain_back: Array
    shift_back: Array
    spread_back: Array
    own_back: Array
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

    Without `pairs` no `distance` is reckoned (nan), which takes half the time.
    """
    sizes = list(pairwise(widths))
    orthogonal = draw.entries == "orthogonal"
    of_inputs = slice(0, -1)  # one number for each group of inputs; behind them one for the pair of average inputs
    squares = np.array([*inputs.squares, inputs.mean_square])  # E[h^2] of what enters the layer
    apart = (1 - inputs.similarity) * inputs.mean_square  # E[(h - h')^2] / 2 of the pair
    q, d = squares, 1 - inputs.similarity
    spread = 0.0  # V
    m: Moments | None = None
    rows: list[dict[str, float]] = []
    factors: list[Array] = []
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for i, (fan_in, fan_out) in enumerate(sizes):
            here = draw.at(i, len(sizes))
            weight = fan_in * here.weight_std(fan_in, fan_out, phi.gain) ** 2
            offset = here.bias_std(fan_in) ** 2 if bias else 0.0
            excess = here.excess_kurtosis(fan_in, fan_out)
            tails = excess * (3.0 if m is None else float(m.kurtosis[of_inputs].mean())) / fan_in
            if m is not None:
                squares, apart = m.square, decorrelation(phi, float(q[-1]), d) if pairs else math.nan
            if draw.unit_signal and squares.any():
                weight, offset = 1 / float(squares[of_inputs].mean()), 0.0
            q = weight * squares + offset
            if m is not None:
                share = np.where(q > 0, weight * squares / np.where(q > 0, q, 1.0), 0.0)
                noise = m.kurtosis - 1 - 2 * m.sensitivity**2
                kept = float((share**2 * m.sensitivity**2)[of_inputs].mean()) * spread
                added = float((share**2 * noise / fan_in)[of_inputs].mean())
                rows[-1]["growth"] = float((share * m.sensitivity)[of_inputs].mean())
                rows[-1]["follows"] = float(m.slope_sensitivity[of_inputs].mean())
                factors.append((fan_out * weight / fan_in * m.slope_square)[of_inputs])
                noise_back = 3 * m.slope_kurtosis - (3 if orthogonal else 1) - 2 * m.slope_sensitivity**2
                noise_back = noise_back + excess * 3 * m.slope_kurtosis / fan_out
                rows[-1]["own"] = max(float(noise_back[of_inputs].mean()), 0.0) / fan_in + (2 * COHERENT / fan_in) ** 2
            else:
                kept = added = 0.0
            added += (2 * max(0.0, 1 - fan_out / fan_in) if orthogonal else 2 + tails) / fan_out
            spread = 0.0 if draw.unit_signal else max(kept + added, 0.0)
            d = float(np.clip(weight * apart / q[-1], 0.0, 2.0)) if q[-1] > 0 else 0.0
            m = moments(phi, q)
            row = {"tails": tails, "V": spread, "added": 0.0 if draw.unit_signal else added, "distance": d}
            row["square"], row["mean"] = float(q[of_inputs].mean()), float(m.mean[of_inputs].mean())
            relative = float((q[of_inputs] / row["square"]).var()) if row["square"] > 0 else 0.0
            row["typical"], row["spread"] = _shown(row["square"], spread + relative / batch, d, fan_out, draw)
            rows.append(row)
    count = len(rows) - 1  # hidden layers
    backward = np.full(count + 1, np.nan)
    if count:
        chain = np.ones(len(inputs.squares))
        backward[count - 1] = 1.0
        for i in range(count - 2, -1, -1):
            chain = chain * factors[i]
            backward[i] = chain.mean()
        with np.errstate(divide="ignore"):
            backward[count] = 1 / factors[count - 1].mean()
    column = {name: np.array([row.get(name, np.nan) for row in rows]) for name in rows[0].keys() | ROW}
    column["mean"][-1] = np.nan
    shift_back, spread_back, own_back = _back(*(column[name] for name in ("own", "follows", "growth", "V", "added")))
    return Signal(
        square=column["square"],
        typical=column["typical"],
        spread=column["spread"],
        tails=column["tails"],
        mean_after=column["mean"],
        distance=column["distance"],
        gain_back=np.array([factor.mean() for factor in factors]),
        shift_back=shift_back,
        spread_back=spread_back,
        own_back=own_back,
        growth=column["growth"][:-1],
        backward=backward,
    )


def _shown(square: float, spread: float, distance: float, units: int, draw: Draw) -> tuple[float, float]:
    """Of the std about the mean of these units: the square of the typical one, the variance of the logarithm of it."""
    if draw.unit_signal:  # made 1 by that very std, within a tolerance
        spread += getattr(draw, "tolerance", 0.0) ** 2
        return square * math.exp(-spread / 2), spread
    alike = 1.0 if math.isnan(distance) else min(max(1 - distance, 0.0), 1.0)
    half = torch.tensor(max(units - alike, 1.0) / 2, dtype=torch.float64)
    centre = float(torch.special.digamma(half) - half.log()) + 1 / units  # beside the - V / 2, of which 1 / n is theirs
    scale = square * max(1 - alike / units, 1 / units if units > 1 else 1 - alike)
    return scale * math.exp(centre - spread / 2), spread + float(torch.special.polygamma(1, half)) - 2 / units


def _back(own: Array, follows: Array, growth: Array, V: Array, added: Array) -> tuple[Array, Array, Array]:
    """Of log(g_l^2 / g_L^2) for each layer: how far its mean lies from the logarithm of the mean, its variance, and the
    part of it that is the layers' own."""
    count = len(own) - 1  # hidden layers
    shift, spread, its_own = np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1)
    if count == 0:
        return shift, spread, its_own
    shift[-1] = (own[count - 1] + follows[count - 1] * V[count - 1]) / 2  # upwards: it is the last that is divided by
    spread[-1], its_own[-1] = own[count - 1] + follows[count - 1] ** 2 * V[count - 1], own[count - 1]
    owns = later = effect = down = 0.0
    for i in range(count - 2, -1, -1):
        owns += own[i]
        down += (own[i] + follows[i] * V[i]) / 2
        effect = follows[i] + growth[i] * effect  # of log q_i upon the factors from here on
        shift[i], spread[i], its_own[i] = -down, owns + effect**2 * V[i] + later, owns
        later += effect**2 * added[i]
    return shift, spread, its_own
