"""Will this network train from this initialisation? Answered before it exists."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from initlab.errors import UserError
from initlab.limits import GAINED, LOST
from initlab.nn import ActivationFunction
from initlab.theory.elementwise import Elementwise, elementwise
from initlab.theory.inputs import FASHION_MNIST, Inputs
from initlab.theory.recursion import BATCH, Draw, Signal, propagate
from initlab.theory.rule import NOT, TRAINS, UNKNOWN, UNSURE, Verdict, judge

Phi = str | ActivationFunction | Elementwise | Callable[..., Any]
ROUNDING = 1e-6  # of the variance of a logarithm
UNSTABLE = 2 * math.log(1.5)  # of sqrt(V): one sigma of the std is a factor 1.5
# Excess kurtosis above which units differ too much for Gaussian integrals, of z and of a gradient (sparse and narrow).
TAILS, TAILS_BACK = 1.0, 0.25
FEW = (
    0.25  # 1 / inputs of a batch that its gradient rests on, above which a mean over them has no more than their chance
)
REPELS = 1.01  # d log q_{l+1} / d log q_l above which a deviation grows from layer to layer


@dataclass(frozen=True)
class Layer:
    """What is foretold of one dense layer's output z.

    std:       in the typical (median) draw of the weights, over units and inputs.
    low, high: two sigma of the draws, of weights and of batches: 95 % of them lie between, 93 to 97 % in nearly all
        networks of docs/forecast_accuracy.csv; None where one draw cannot be predicted.
    mean_after: what the activation behind it puts out on average.
    similarity: E[z . z'] / E[z . z] of two inputs in a typical draw; 1: the layer no longer tells them apart.
    grad:      std of d loss / dz over that of the last layer before the output; grad_low, grad_high: its band, None too
        for a scheme that scales by the data, whose factors lean to one side.
    """

    name: str
    fan_in: int
    fan_out: int
    std: float
    low: float | None
    high: float | None
    mean_after: float | None
    similarity: float
    grad: float | None
    grad_low: float | None
    grad_high: float | None


@dataclass(frozen=True)
class Forecast:
    """The answer, and the question it was an answer to.

    layers:     in order, the output layer last; () where nothing can be reckoned.
    decades:    log10(g_1 / g_L), see `initlab.theory.rule`.
    logit_std:  how far the outputs of two inputs lie apart: sqrt(q (1 - c)) of the output layer.
    dies:       what is lost or grows, and at which layer; "" if nothing does.
    chi:        E[g_l^2] / E[g_{l+1}^2] between the last two hidden layers (nan of fewer).
    carries:    the deepest network of this kind, up to this depth, that the rule lets train.
    """

    verdict: Verdict
    layers: tuple[Layer, ...]
    decades: float
    logit_std: float
    dies: str
    chi: float
    carries: int
    scheme: Draw
    phi: Elementwise
    widths: tuple[int, ...]
    inputs: Inputs
    bias: bool
    kind: str

    @property
    def depth(self) -> int:
        return len(self.widths) - 2

    def record(self) -> dict[str, Any]:
        """Plain values, as they stand in forecast.json."""
        return {
            "verdict": self.verdict.word,
            "why": self.verdict.why,
            "rule": self.verdict.record,
            "decades": self.decades,
            "logit_std": self.logit_std,
            "dies": self.dies,
            "chi": self.chi,
            "carries": self.carries,
            "init": str(self.scheme),
            "activation": self.phi.name,
            "widths": list(self.widths),
            "optimizer": self.kind,
            "inputs": self.inputs.source,
            "layers": [asdict(layer) for layer in self.layers],
        }


def forecast(
    scheme: Draw,
    activation: Phi = "relu",
    widths: Sequence[int] = (784, 256, 10),
    *,
    inputs: Inputs = FASHION_MNIST,
    bias: bool = True,
    kind: str = "sgd",
    batch: int = BATCH,
    pairs: bool = True,
) -> Forecast:
    """For dense layers of `widths` = [inputs, hidden ..., outputs] whose weights `scheme` will draw.

    activation: a name, or any function of a tensor, see `elementwise`.
    kind: "adam" for an optimiser whose step does not shrink with the gradient, else "sgd".
    batch: inputs over which a measured figure would be taken; the fewer, the wider the band.
    pairs: whether to reckon how alike two inputs stay, which takes half the time; else those numbers are nan.
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
    phi = elementwise(activation)
    question = (scheme, phi, tuple(widths), inputs, bias, kind)
    depth = len(widths) - 2
    if scheme.entries == "fixed":
        why = "these weights are not drawn at random, so there is nothing to average over; measure instead"
        return Forecast(Verdict(UNKNOWN, why, ""), (), math.nan, math.nan, "", math.nan, 0, *question)
    if scheme.entries == "alike":
        return _alike(depth, question)
    signal = propagate(scheme, phi, widths, inputs, bias=bias, batch=batch, pairs=pairs)
    decades = _log10(math.sqrt(signal.backward[0])) if depth else 0.0
    logit_std = math.sqrt(signal.square[-1] * signal.distance[-1])
    layers = layers_of(signal, widths, scheme.unit_signal)
    verdict = judge(decades, kind) if depth else Verdict(TRAINS, "no hidden layer: a convex loss", "")
    if any(layer.low is None for layer in layers) and _depends_on_size(question, verdict):
        why = f"unstable: a signal that begins a little larger or smaller ends otherwise; {verdict.why}"
        verdict = Verdict(UNSURE, why, verdict.record)
    chi = float(signal.gain_back[-2]) if depth > 1 else math.nan
    carries = _carries(signal, kind)
    return Forecast(verdict, layers, decades, logit_std, _dies(signal, kind), chi, carries, *question)


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
        V, unstable = float(signal.spread[i]), bool(lost[i])
        std = math.sqrt(signal.square[i] if unstable else signal.typical[i])
        grad = math.sqrt(signal.backward[i]) if depth else None
        back = ROUNDING + float(signal.spread_back[i])
        middle = (grad or 0.0) * math.exp(signal.shift_back[i] / 2)
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
                grad_low=None if grad is None or without[i] else middle * math.exp(-math.sqrt(back)),
                grad_high=None if grad is None or without[i] else middle * math.exp(math.sqrt(back)),
            )
        )
    return tuple(found)


def _depends_on_size(question: Any, verdict: Verdict) -> bool:
    """Whether inputs of twice or half the mean square, as one draw may make of them, get another verdict."""
    scheme, phi, widths, inputs, bias, kind = question
    for factor in (0.5, 2.0):
        other = Inputs((inputs.mean_square * factor,), inputs.similarity, "")
        signal = propagate(scheme, phi, widths, other, bias=bias, pairs=False)
        if judge(_log10(math.sqrt(signal.backward[0])), kind).word != verdict.word:
            return True
    return False


def _alike(depth: int, question: Any) -> Forecast:
    if depth == 0:
        verdict = Verdict(TRAINS, "no hidden layer: a convex loss, which any start will do for", "")
    else:
        why = "all units of a layer begin alike and get the same gradient, so each layer works as one unit for ever"
        verdict = Verdict(NOT, why, "")
    return Forecast(verdict, (), math.nan, math.nan, "", math.nan, 0, *question)


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


def _carries(signal: Signal, kind: str) -> int:
    """Networks cut off behind each hidden layer: g_1 / g_d is a product of the first factors."""
    decades = np.concatenate([[0.0], np.cumsum([_log10(math.sqrt(chi)) for chi in signal.gain_back[:-1]])])
    fits = [d + 1 for d, lost in enumerate(decades[: len(signal.square) - 1]) if judge(lost, kind).word == TRAINS]
    return max(fits, default=0)


def _log10(x: float) -> float:
    return math.log10(x) if x > 0 else -math.inf
