"""Will this network train from this initialisation? Answered before it exists."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from initlab.errors import UserError
from initlab.nn import ActivationFunction
from initlab.theory.elementwise import Elementwise, elementwise
from initlab.theory.inputs import FASHION_MNIST, Inputs
from initlab.theory.recursion import Draw, Signal, propagate
from initlab.theory.rule import NOT, TRAINS, UNKNOWN, Verdict, judge

Phi = str | ActivationFunction | Elementwise | Callable[..., Any]
UNSTABLE = 2 * math.log(1.5)  # of sqrt(V): one sigma of the std is a factor 1.5


@dataclass(frozen=True)
class Layer:
    """What is foretold of one dense layer's output z.

    std:       in the typical (median) draw of the weights, over units and inputs.
    low, high: 19 of 20 draws lie between (two sigma); None where one draw cannot be foretold.
    mean_after: what the activation behind it puts out on average.
    similarity: correlation of the z of two inputs; 1: the layer no longer tells them apart.
    grad:      std of d loss / dz over that of the last layer before the output; grad_low, grad_high: its band.
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
    dies:       what is lost, and at which layer; "" if nothing is.
    """

    verdict: Verdict
    layers: tuple[Layer, ...]
    decades: float
    logit_std: float
    dies: str
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
) -> Forecast:
    """For dense layers of `widths` = [inputs, hidden ..., outputs] whose weights `scheme` will draw.

    activation: a name, or any function of a tensor, see `elementwise`.
    kind: "adam" for an optimiser whose step does not shrink with the gradient, else "sgd".
    """
    if len(widths) < 2 or min(widths) < 1:
        raise UserError(f"widths={list(widths)}: at least inputs and outputs, each 1 or more")
    phi = elementwise(activation)
    question = (scheme, phi, tuple(widths), inputs, bias, kind)
    depth = len(widths) - 2
    if scheme.entries == "fixed":
        why = "these weights are not drawn at random, so there is nothing to average over; measure instead"
        return Forecast(Verdict(UNKNOWN, why, ""), (), math.nan, math.nan, "", *question)
    if scheme.entries == "alike":
        return _alike(depth, question)
    signal = propagate(scheme, phi, widths, inputs, bias=bias)
    decades = _log10(math.sqrt(signal.backward[0])) if depth else 0.0
    logit_std = math.sqrt(signal.square[-1] * signal.distance[-1])
    verdict = judge(decades, kind) if depth else Verdict(TRAINS, "no hidden layer: a convex loss", "")
    layers = layers_of(signal, widths)
    return Forecast(verdict, layers, decades, logit_std, "", *question)


def layers_of(signal: Signal, widths: Sequence[int]) -> tuple[Layer, ...]:
    depth = len(widths) - 2
    found = []
    unstable = False
    for i in range(depth + 1):
        V = float(signal.spread[i])
        unstable = unstable or (bool((signal.growth[:i] > 1.01).any()) and math.sqrt(V) > UNSTABLE)
        std = math.sqrt(signal.square[i]) * math.exp(-V / 4)
        grad = math.sqrt(signal.backward[i]) if depth else None
        back = float(signal.spread_back[i : depth - 1].sum()) if i < depth else float(signal.spread_back[-1:].sum())
        found.append(
            Layer(
                name=f"layers.{i}" if depth else "net",
                fan_in=widths[i],
                fan_out=widths[i + 1],
                std=std,
                low=None if unstable else std * math.exp(-math.sqrt(V)),
                high=None if unstable else std * math.exp(math.sqrt(V)),
                mean_after=None if i == depth else float(signal.mean_after[i]),
                similarity=1 - float(signal.distance[i]),
                grad=grad,
                grad_low=None if grad is None else grad * math.exp(-back / 4 - math.sqrt(back)),
                grad_high=None if grad is None else grad * math.exp(-back / 4 + math.sqrt(back)),
            )
        )
    return tuple(found)


def _alike(depth: int, question: Any) -> Forecast:
    if depth == 0:
        verdict = Verdict(TRAINS, "no hidden layer: a convex loss, which any start will do for", "")
    else:
        why = "all units of a layer begin alike and get the same gradient, so each layer works as one unit for ever"
        verdict = Verdict(NOT, why, "")
    return Forecast(verdict, (), math.nan, math.nan, "", *question)


def _log10(x: float) -> float:
    return math.log10(x) if x > 0 else -math.inf
