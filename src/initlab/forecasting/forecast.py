"""Will this network train from this initialisation? The answer of theory, and the question it was an answer to."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from initlab.console import Column
from initlab.forecasting.answer import Answer
from initlab.forecasting.rates import Effects, Rate, Scheme
from initlab.forecasting.rule import Verdict
from initlab.theory.elementwise import Elementwise
from initlab.theory.inputs import Inputs

Medians = dict[str, np.ndarray]  # of real draws, an entry a layer: "std", "backward" and perhaps "inside"


@dataclass(frozen=True)
class Layer:
    """What is predicted of one dense layer's output z.

    std:       in the typical (median) draw of the weights, over units and inputs.
    low, high: two sigma of the draws, of weights and of batches: 95 % of them lie between, 93 to 97 % in nearly all
        networks of docs/data/forecast_accuracy.csv; None where one draw cannot be predicted.
    mean_after: the mean output of the activation behind it.
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
class Forecast(Answer):
    """The answer, and the question it was an answer to.

    layers:     in order, the output layer last; () where nothing can be computed.
    decades:    log10(g_1 / g_L), see `initlab.forecasting.rule`.
    logit_std:  how far the outputs of two inputs lie apart: sqrt(q (1 - c)) of the output layer.
    chi:        E[g_l^2] / E[g_{l+1}^2] between the last two hidden layers (nan of fewer).
    carries:    the deepest network of this kind, up to this depth, that the rule lets train at a suitable rate.
    effects:    of a step, see `initlab.forecasting.rates`; None where it was not asked or cannot be told.
    amplified:  by how many decades its layers amplify a change of the signal.
    """

    verdict: Verdict
    layers: tuple[Layer, ...]
    decades: float
    logit_std: float
    dies: str
    chi: float
    carries: int
    effects: Effects | None
    amplified: float
    scheme: Scheme
    phi: Elementwise
    widths: tuple[int, ...]
    inputs: Inputs
    bias: bool
    kind: str
    loss: str
    rate: Rate | None

    @property
    def depth(self) -> int:
        return len(self.widths) - 2

    @property
    def shape(self) -> str:
        """`784, 20 x 256, 10`"""
        hidden = self.widths[1:-1]
        alike = len(hidden) > 2 and len(set(hidden)) == 1
        between = [f"{len(hidden)} x {hidden[0]}"] if alike else map(str, hidden)
        return ", ".join([str(self.widths[0]), *between, str(self.widths[-1])])

    @property
    def title(self) -> str:
        return f"{self.shape}, {self.phi.name}, init {self.scheme}, {self.kind.upper()}"

    def details(self) -> list[str]:
        if not self.layers or self.depth < 2:
            return []
        return [
            f"each layer back multiplies the gradient by {math.sqrt(self.chi):.3g}; "
            f"the outputs of two inputs are {self.logit_std:.2g} apart"
        ]

    def columns(self, measured: Medians | None = None) -> list[Column]:
        """A line a layer."""
        layers = self.layers
        names = [layer.name for layer in layers] or [f"layers.{i}" for i in range(self.depth + 1)]
        made = [Column("layer", names, right=False)]
        if layers:
            made += [
                Column("std", [f"{layer.std:.3g}" for layer in layers]),
                Column("low", ["no band" if layer.low is None else f"{layer.low:.2g}" for layer in layers], rank=1),
                Column("high", ["" if layer.high is None else f"{layer.high:.2g}" for layer in layers], rank=1),
                Column("alike", [f"{layer.similarity:.3f}" for layer in layers]),
                Column("gradient", [_short_number(layer.grad) for layer in layers]),
            ]
        if measured:
            made.append(Column("drawn", [f"{std:.3g}" for std in measured["std"]]))
            if "inside" in measured:
                made.append(Column("inside", [f"{share:.0%}" for share in measured["inside"]], rank=2))
            made.append(Column("its gradient", [_short_number(share) for share in measured["backward"]], rank=3))
        return made

    def as_text(self) -> str:
        return f"{self.title}\n{super().as_text()}"

    def numbers(self) -> dict[str, Any]:
        return {
            "decades": self.decades,
            "logit_std": self.logit_std,
            "chi": self.chi,
            "carries": self.carries,
            "init": str(self.scheme),
            "activation": self.phi.name,
            "widths": list(self.widths),
            "lr": self.rate.lr if self.rate else None,
            "inputs": self.inputs.source,
            "layers": [asdict(layer) for layer in self.layers],
        }


def _short_number(x: float | None) -> str:
    return "" if x is None or math.isnan(x) else f"{x:.2f}" if 0.1 <= x < 100 else f"{x:.1e}"
