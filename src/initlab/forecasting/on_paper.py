"""Will a chain of dense layers train? Answered by theory, before it exists."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from initlab.checks.rule import OPTIMIZER_KIND, check_value, choice
from initlab.errors import UserError
from initlab.forecasting.convex import judge_convex
from initlab.forecasting.forecast import Forecast, Layer
from initlab.forecasting.rates import Rate, Scheme, effects, is_bounded
from initlab.forecasting.rule import NOT, TRAINS, UNKNOWN, UNSURE, Verdict, judge, judge_rate
from initlab.limits import GAINED, LOST, UNSTABLE_GAIN
from initlab.nn import ActivationFunction
from initlab.theory.elementwise import Elementwise, elementwise
from initlab.theory.inputs import FASHION_MNIST, Inputs
from initlab.theory.recursion import BATCH, Signal, propagate

Phi = str | ActivationFunction | Elementwise | Callable[..., Any]
ROUNDING = 1e-6  # of the variance of a logarithm, and of a similarity
SAME = "the inputs are all the same, so there is nothing to tell apart"
UNSTABLE = 2 * math.log(1.5)  # of sqrt(V): one sigma of the std is a factor 1.5
# Excess kurtosis above which units differ too much for Gaussian integrals, of z and of a gradient (sparse and narrow).
TAILS, TAILS_BACK = 1.0, 0.25
FEW = (
    0.25  # 1 / inputs of a batch that its gradient rests on, above which a mean over them has no more than their chance
)
WIDEST = math.log(100)  # from the middle of a band to its end; more is no prediction
LARGEST_SHIFT = 20.0  # of the mean logarithm of a gradient's square, by which the band lies off the mean square
MOST_LAYERS = 1000  # hidden ones: 3 ms each, and those that the rule rests on have 40
ONE_UNIT = 6  # classes: with more, all but 1 of 96 networks of one unit a layer failed, see scripts/alike_evidence.py
# Of inputs. Not fitted: images with a constant added are judged right beyond it, units saturated by few columns are not
MOST_ALIKE = 0.95
LOSS = choice("cross_entropy", "half_squared_error", "squared_error")
REPELS = 1.01  # d log q_{l+1} / d log q_l above which a deviation grows from layer to layer

NOTHING = ((), math.nan, math.nan, "", math.nan, 0, None, 0.0)  # of a Forecast where nothing can be computed


def forecast(
    scheme: Scheme,
    activation: Phi = "relu",
    widths: Sequence[int] = (784, 256, 10),
    *,
    inputs: Inputs = FASHION_MNIST,
    bias: bool = True,
    kind: str = "sgd",
    loss: str = "cross_entropy",
    rate: Rate | None = None,
    batch: int = BATCH,
    pairs: bool = True,
) -> Forecast:
    """For dense layers of `widths` = [inputs, hidden ..., outputs] whose weights `scheme` will draw.

    activation: a name, or any function of a tensor, see `elementwise`.
    kind: "adam" for an optimiser whose step does not shrink with the gradient, else "sgd".
    loss: "cross_entropy", or "half_squared_error" or "squared_error" of a regression.
    rate: the learning rate; None: the verdict is for a suitable one.
    batch: inputs over which a measured figure would be taken; the fewer, the wider the band.
    pairs: whether to compute how alike two inputs stay, which takes half the time; else those numbers are nan, and
        the verdict is for a suitable learning rate.
    """
    if not all(hasattr(scheme, name) for name in ("entries", "weight_std", "unit_signal")):
        raise UserError(
            f"forecast({_short(scheme)}): it takes an initialisation and the widths of a chain of dense layers, as in "
            'forecast(Kaiming(), "relu", [784, 256, 10])'
        )
    if isinstance(widths, str) or not all(isinstance(w, int) for w in widths):
        raise UserError(f"widths={widths}: must be whole numbers, as in [784, 256, 10]")
    if len(widths) < 2 or min(widths) < 1:
        raise UserError(f"widths={list(widths)}: at least inputs and outputs, each 1 or more")
    if len(widths) - 2 > MOST_LAYERS:
        raise UserError(f"{len(widths) - 2:,} hidden layers: the forecast is for at most {MOST_LAYERS:,}")
    check_value("kind", kind, OPTIMIZER_KIND)
    check_value("loss", loss, LOSS)
    phi = elementwise(activation)
    question = (scheme, phi, tuple(widths), inputs, bias, kind, loss, rate)
    depth = len(widths) - 2
    if scheme.entries == "fixed":
        why = "these weights are not drawn at random, so there is nothing to average over; measure instead"
        return Forecast(Verdict(UNKNOWN, why, ""), *NOTHING, *question)
    if scheme.entries in ("alike", "zero"):
        return _alike(depth, question)
    signal = propagate(scheme, phi, widths, inputs, bias=bias, batch=batch, pairs=pairs)
    decades = _log10(math.sqrt(signal.backward[0])) if depth else 0.0
    logit_std = math.sqrt(signal.square[-1] * signal.distance[-1])
    layers = layers_of(signal, widths, scheme.unit_signal)
    verdict = judge(decades, kind, is_bounded(phi)) if depth else judge_convex(inputs, widths, loss, kind, rate)
    amplified = _amplified(signal)
    unstable = any(layer.low is None for layer in layers) and _depends_on_size(question, verdict)
    of_step = None
    if depth and pairs:
        of_step = effects(signal, scheme, phi, widths, inputs, bias=bias, kind=kind)
        verdict = judge_rate(verdict, of_step.window(kind, rate.momentum if rate else 0.0), rate, kind)
    if unstable or (verdict.word == TRAINS and amplified > UNSTABLE_GAIN):
        why = f"unstable: a signal that begins a little larger or smaller ends otherwise; {verdict.why}"
        verdict = replace(verdict, word=UNSURE, why=why)
    if depth and verdict.word == TRAINS and inputs.similarity > MOST_ALIKE:
        why = f"inputs are alike to {inputs.similarity:.2g} of 1, which the rule is not known for: subtract their mean"
        verdict = replace(verdict, word=UNSURE, why=why)
    if depth and inputs.similarity > 1 - ROUNDING:
        verdict = Verdict(UNKNOWN, SAME, "")
    chi = float(signal.gain_back[-2]) if depth > 1 else math.nan
    carries = _carries(signal, kind, is_bounded(phi))
    numbers = (layers, decades, logit_std, _dies(signal, kind), chi, carries, of_step, amplified)
    return Forecast(verdict, *numbers, *question)


def _amplified(signal: Signal) -> float:
    """Decades, over the layers whose gain grows with the signal."""
    growth = signal.growth[np.isfinite(signal.growth)]
    return float(np.log10(np.maximum(growth, 1.0)).sum())


def _short(given: object) -> str:
    return repr(given) if isinstance(given, str) else f"a {type(given).__name__}"


def layers_of(signal: Signal, widths: Sequence[int], unit_signal: bool) -> tuple[Layer, ...]:
    depth = len(widths) - 2
    repelled = np.concatenate([[False], np.logical_or.accumulate(signal.growth > REPELS)])  # in some layer before
    wanders = repelled & (np.sqrt(signal.spread) > UNSTABLE)
    lost = np.logical_or.accumulate(wanders | (signal.tails > TAILS))
    # Where most of the gradient's chance is the signal's, the first order in it, all that is computed, says too little.
    follows = (signal.spread_back > 2 * signal.own_back) & (np.sqrt(signal.spread_back) > UNSTABLE)
    follows |= (signal.few_back > FEW) | (signal.tails_back > TAILS_BACK)
    without = follows | unit_signal | bool(lost.any())
    found = []
    for i in range(depth + 1):
        V = float(signal.spread[i])
        unstable = bool(lost[i]) or math.sqrt(V) > WIDEST
        std = math.sqrt(signal.square[i] if unstable else signal.typical[i])
        grad = math.sqrt(signal.backward[i]) if depth else None
        back = ROUNDING + float(signal.spread_back[i])
        shown = grad is not None and not without[i] and signal.shift_back[i] < LARGEST_SHIFT
        shown = shown and math.sqrt(back) <= WIDEST and grad != math.inf  # which weights of 0 let none pass
        middle = grad * math.exp(signal.shift_back[i] / 2) if grad is not None and shown else 0.0
        found.append(
            Layer(
                name=f"layers.{i}" if depth else "net",
                fan_in=widths[i],
                fan_out=widths[i + 1],
                std=std,
                low=None if unstable else std * math.exp(-math.sqrt(V)),
                high=None if unstable else std * math.exp(math.sqrt(V)),
                mean_after=None if i == depth else float(signal.mean_after[i]),
                similarity=float(signal.alike[i]),
                grad=grad,
                grad_low=middle * math.exp(-math.sqrt(back)) if shown else None,
                grad_high=middle * math.exp(math.sqrt(back)) if shown else None,
            )
        )
    return tuple(found)


def _depends_on_size(question: Any, verdict: Verdict) -> bool:
    """Whether inputs of twice or half the mean square, as one draw may make of them, get another verdict."""
    scheme, phi, widths, inputs, bias, kind, *_ = question
    for factor in (0.5, 2.0):
        other = Inputs((inputs.mean_square * factor,), inputs.similarity, "")
        signal = propagate(scheme, phi, widths, other, bias=bias, pairs=False)
        if judge(_log10(math.sqrt(signal.backward[0])), kind, is_bounded(phi)).word != verdict.word:
            return True
    return False


def _alike(depth: int, question: Any) -> Forecast:
    scheme, phi, widths, inputs, _, kind, loss, rate = question
    if depth == 0:
        verdict = judge_convex(inputs, widths, loss, kind, rate)
    else:
        why = "all units of a layer begin alike and get the same gradient, so each layer works as one unit for ever"
        still = scheme.entries == "zero" and not phi.value(np.zeros(1)).any()  # all but the last bias
        if still or (loss == "cross_entropy" and widths[-1] > ONE_UNIT):
            verdict = Verdict(NOT, why, "")
        else:
            goal = f"{widths[-1]} classes" if loss == "cross_entropy" else "a regression"
            verdict = Verdict(UNSURE, f"{why}, and one may do for {goal}", "")
    return Forecast(verdict, *NOTHING, *question)


def _dies(signal: Signal, kind: str) -> str:
    """The first layer, on the way forwards or backwards, that is as far from where it began as the rule allows."""
    depth = len(signal.square) - 1
    if depth < 2:
        return ""
    size = np.sqrt(signal.square * signal.distance)[:depth]  # what depends on the input
    back = np.sqrt(signal.backward[:depth])
    found = []
    with np.errstate(divide="ignore", invalid="ignore"):
        forward, backward = np.log10(size / size[0]), np.log10(back)
    for what, decades, order in (
        ("what tells two inputs apart", forward, range(depth)),
        ("the gradient on its way back", backward, range(depth - 1, -1, -1)),
    ):
        lost = next((i for i in order if decades[i] < LOST[kind]), None)
        grown = next((i for i in order if decades[i] > GAINED[kind]), None)
        if lost is not None:
            found.append(f"{what} is down to 1/{10 ** -LOST[kind]:,.0f} at layers.{lost}")
        if grown is not None:
            found.append(f"{what} has grown {10 ** GAINED[kind]:,.0f} times at layers.{grown}")
    return "; ".join(found)


def _carries(signal: Signal, kind: str, bounded: bool) -> int:
    """Networks cut off behind each hidden layer: g_1 / g_d is a product of the first factors."""
    decades = np.concatenate([[0.0], np.cumsum([_log10(math.sqrt(chi)) for chi in signal.gain_back[:-1]])])
    fits = [
        d + 1 for d, lost in enumerate(decades[: len(signal.square) - 1]) if judge(lost, kind, bounded).word == TRAINS
    ]
    return max(fits, default=0)


def _log10(x: float) -> float:
    return math.log10(x) if x > 0 else -math.inf
