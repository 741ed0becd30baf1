"""From rows, as the monitor's probes give them, to what was measured of a module."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from initlab.errors import UserError
from initlab.measurement.figures import Array, MeasuredLayer, MeasuredParameter, Measurement
from initlab.monitor.choice import choose_layers
from initlab.monitor.observer import Row
from initlab.monitor.sample import LOSS
from initlab.numbers import first_call, plain_name

OUTPUT = "(output)"  # the module as a whole, a name that no part of it can have
NO_SIGNAL = ("dropout", "pooling", "flatten", "padding", "pixelshuffle", "upsampling", "loss", "fold", "channelshuffle")
NO_WEIGHTS = ("norm", "prelu")  # in the name of a class, in lower case: its parameters scale, they do not mix


def layers_of(module: nn.Module) -> dict[str, nn.Module]:
    """What is measured: leaves that have parameters or change each entry, and the module as a whole."""
    leaves = choose_layers(module) or {type(module).__name__: module}
    found = {name: layer for name, layer in leaves.items() if _is_layer(layer)}
    return found if module in found.values() else found | {OUTPUT: module}


def _is_layer(layer: nn.Module) -> bool:
    if next(layer.parameters(), None) is not None:
        return True
    home = type(layer).__module__.rsplit(".", 1)
    return not (isinstance(layer, nn.Identity) or (home[0] == "torch.nn.modules" and home[-1] in NO_SIGNAL))


def assemble(
    module: nn.Module, draws: Sequence[Sequence[Row]], num_rows: int | None = None, notes: tuple[str, ...] = ()
) -> Measurement:
    """`draws`: of each the rows of one step; those of layers in order of execution."""
    known = layers_of(module)
    seen = dict.fromkeys(row["layer"] for rows in draws for row in rows if row["quantity"] == "std")
    names = [name for name in seen if first_call(name, known) in known]
    if not set(names) - {OUTPUT}:
        raise UserError(f"{type(module).__name__}: no layer of it was seen ({'; '.join(notes) or 'it calls none'})")
    figures = _Figures(draws)
    weights = [name for name in names if name != OUTPUT and _mixes(known[first_call(name, known)])]
    last = weights[-2] if len(weights) > 1 else None
    layers = {name: _layer(name, known[first_call(name, known)], name in weights, last, figures) for name in names}
    whole = next(name for name, layer in known.items() if layer is module)
    return Measurement(
        type(module).__name__,
        tuple(layer for name, layer in layers.items() if name != OUTPUT),
        tuple(_parameters(module, figures)),
        layers.get(whole),
        figures.of(*LOSS),
        num_rows,
        notes,
    )


class _Figures:
    def __init__(self, draws: Sequence[Sequence[Row]]) -> None:
        self._draws = [{(row["layer"], row["quantity"]): row["value"] for row in rows} for rows in draws]

    def of(self, name: str, quantity: str) -> Array:
        """An entry a draw, nan where it has none."""
        return np.array([draw.get((name, quantity), math.nan) for draw in self._draws], dtype=np.float64)


def _mixes(layer: nn.Module) -> bool:
    name = type(layer).__name__.lower()
    return any(p.dim() > 1 for p in layer.parameters()) and not any(word in name for word in NO_WEIGHTS)


def _layer(name: str, module: nn.Module, weights: bool, last: str | None, figures: _Figures) -> MeasuredLayer:
    measured = {what: figures.of(name, what) for what in ("std", "similarity", "dead", "saturated", "grad_std")}
    below = figures.of(last, "grad_std") if last else measured["grad_std"]
    return MeasuredLayer(name, type(module).__name__, weights, **measured, gradient=_log10(measured["grad_std"], below))


def _parameters(module: nn.Module, figures: _Figures) -> list[MeasuredParameter]:
    found = []
    for path, p in module.named_parameters():
        name = plain_name(path)
        norm, grad = figures.of(name, "weight_norm"), figures.of(name, "grad_norm")
        if not np.isnan(norm).all():
            rms = norm / math.sqrt(max(1, p.numel()))
            found.append(MeasuredParameter(name, p.numel(), p.dim(), _log10(grad, norm), rms))
    return found


def _log10(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log10(above) - np.log10(below))
