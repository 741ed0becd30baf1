"""A measured network that is a chain of dense layers, for which the theory has the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from initlab.batch import Batch
from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.on_paper import forecast
from initlab.forecasting.rates import Rate
from initlab.init import Scheme
from initlab.init.parametrized import read
from initlab.measurement import Measurement, layers_of, middle
from initlab.monitor.saturation import ELEMENTWISE
from initlab.nn import Linear
from initlab.theory.elementwise import elementwise
from initlab.theory.inputs import inputs_of

SLACK = 1.3  # factor by which a measured std may lie outside its band, as one of twenty does a little
NAMES = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.SiLU: "silu"}
DIFFERS = "no theory fits: {name} has a std of {std:.2g}, in a chain of dense layers it had {low:.2g} to {high:.2g}"


@dataclass(frozen=True)
class AsDrawn:
    """Weights of which the std of each layer's is known, taken for independent and normal."""

    weights: tuple[float, ...]
    biases: tuple[float, ...]
    layer: int = 0
    entries: str = "independent"
    unit_signal: bool = False

    def at(self, layer: int, layers: int) -> AsDrawn:
        return AsDrawn(self.weights, self.biases, layer)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return self.weights[self.layer]

    def bias_std(self, fan_in: int) -> float:
        return self.biases[self.layer]

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float:
        return 0.0

    def bias_excess_kurtosis(self) -> float:
        return 0.0

    def step_size(self, layer: int, layers: int, fan_in: int, fan_out: int, kind: str, *, bias: bool) -> float:
        return 1.0

    def __str__(self) -> str:
        return "as drawn"


def theory_of(
    module: nn.Module, batch: Batch, found: Measurement, redraw: Any, kind: str, lr: float | None
) -> Forecast | str | None:
    """What theory predicts of it; a sentence where what was measured is not that; None: it is no such chain."""
    dense, phi = _chain(module, found)
    X = batch.args[0] if len(batch.args) == 1 and not batch.kwargs else None
    if not dense or not isinstance(X, Tensor) or not X.is_floating_point() or len(X) < 2:
        return None
    if {f"{name}.weight" for name, _ in dense} - {p.name for p in found.parameters}:
        return None  # frozen, or computed from others
    scheme = redraw if isinstance(redraw, Scheme) else _as_drawn([name for name, _ in dense], found)
    widths = [read(dense[0][1], "weight").shape[1], *(read(layer, "weight").shape[0] for _, layer in dense)]
    if X[0].numel() != widths[0] or not X.isfinite().all() or not X.any():
        return None
    try:
        predicted = forecast(
            scheme,
            phi,
            widths,
            inputs=inputs_of(X.detach().double().cpu().numpy()),
            bias=dense[0][1].bias is not None,
            kind=kind,
            rate=None if lr is None else Rate(lr),
            batch=len(X),
        )
    except (ArithmeticError, UserError):
        return None
    measured = {layer.name: layer for layer in found.layers}
    for (name, _), layer in zip(dense, predicted.layers, strict=False):
        std, low, high = middle(measured[name].std), layer.low or layer.std, layer.high or layer.std
        if not all(map(math.isfinite, (std, low, high))):
            return None
        if not low / SLACK <= std <= high * SLACK:
            return DIFFERS.format(name=name, std=std, low=low, high=high)
    return predicted


def _chain(module: nn.Module, found: Measurement) -> tuple[list[tuple[str, Any]], Any]:
    """Its dense layers by name, and the activation between them; nothing where it is something else."""
    known = layers_of(module)
    if any(layer.name not in known for layer in found.layers) or _drops(module):
        return [], None
    layers = [(layer.name, known[layer.name]) for layer in found.layers]
    dense, between = layers[::2], [layer for _, layer in layers[1::2]]
    if len(layers) % 2 == 0 or len(dense) < 2 or not all(isinstance(layer, (nn.Linear, Linear)) for _, layer in dense):
        return [], None
    sizes: list[Any] = [read(layer, "weight").shape for _, layer in dense]
    joined = all(one[0] == other[1] for one, other in pairwise(sizes))
    alike = len({(type(layer), str(layer)) for layer in between}) == 1
    function = getattr(between[0], "function", None) or _of_torch(between[0])
    return (dense, elementwise(function)) if joined and alike and function is not None else ([], None)


def _of_torch(layer: nn.Module) -> Any:
    if type(layer) not in ELEMENTWISE:
        return None
    return NAMES.get(type(layer)) or (lambda z: layer.forward(z * 1))  # which may work in place


def _drops(module: nn.Module) -> bool:
    return any(isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0 for part in module.modules())


def _as_drawn(names: Sequence[str], found: Measurement) -> AsDrawn:
    size = {p.name: middle(p.rms) for p in found.parameters}
    weights, biases = (tuple(size.get(f"{name}.{what}", 0.0) for name in names) for what in ("weight", "bias"))
    return AsDrawn(weights, biases)
