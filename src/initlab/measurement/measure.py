"""A forward and a backward pass of a real batch through anybody's module, without training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from initlab.errors import UserError
from initlab.measurement.batch import Batch, batch_for
from initlab.measurement.figures import NO_WEIGHTS, Array, MeasuredLayer, MeasuredParameter, Measurement
from initlab.measurement.loss import Loss, loss_of
from initlab.measurement.redraw import Redraw, draw_again
from initlab.measurement.untouched import seed_all, untouched
from initlab.monitor.budget import Stopwatch
from initlab.monitor.choice import choose_layers
from initlab.monitor.guard import Guard
from initlab.monitor.layer_probe import LayerProbe
from initlab.monitor.parameter_probe import ParameterProbe
from initlab.monitor.sample import LOSS, Sample
from initlab.seeds import batch_seed

OUTPUT = "(output)"  # the module as a whole, a name that no part of it can have
QUANTITIES = frozenset(("std", "similarity", "dead", "saturated", "grad_std", "grad_norm", "weight_norm", "loss"))
NO_SIGNAL = ("dropout", "pooling", "flatten", "padding", "pixelshuffle", "upsampling", "loss", "fold", "channelshuffle")
Key = tuple[str, str]
Draw = tuple[Sample, dict[Key, float]]


def measure_module(
    module: nn.Module,
    batch: Any,
    loss: Loss = None,
    *,
    draws: int = 8,
    redraw: Redraw = None,
    seed: int = 0,
) -> Measurement:
    """One forward and backward pass a draw of the weights, in training mode. The module comes back as it was, see
    `untouched`.

    The layers are the module's leaves that have parameters or are activations; one called again is `<name>#2`. Not
    seen are functions that are no modules, such as `F.relu`. nan and inf are results.

    batch:  see `initlab.measurement.batch`.
    loss:   see `initlab.measurement.loss`.
    redraw: how weights are drawn again, see `initlab.measurement.redraw`; the first draw is the weights as they are,
        unless it is a scheme or a function.

    Raises:
        UserError: where the module, the batch or the loss cannot be used, in a sentence.
    """
    if not isinstance(draws, int) or draws < 1:
        raise UserError(f"draws={draws}: must be a whole number, 1 or more")
    module = unwrapped(module)
    _check(module)
    taken = batch_for(module, batch)
    notes = Notes()
    done: list[Draw] = []
    for i in range(draws):
        with untouched(module), _eager(), torch.inference_mode(False), torch.enable_grad():
            seed_all(batch_seed(seed, i))
            if not draw_again(module, redraw, taken, i, seed, notes.note):
                break
            module.train()
            seed_all(batch_seed(seed, i, 1))
            done.append(_measured(module, taken.copied(), loss, notes))
    return _together(module, taken, done, tuple(notes.texts))


class Notes(Guard):
    """Keeps what it would print."""

    def __init__(self) -> None:
        super().__init__(prints=False)
        self.texts: dict[str, None] = {}

    def note(self, text: str) -> None:
        self.texts[text] = None


def unwrapped(module: nn.Module) -> nn.Module:
    """Within torch.compile and data parallelism, whose wrapping changes no number."""
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return unwrapped(module.module)
    inner = getattr(module, "_orig_mod", None)
    return unwrapped(inner) if isinstance(inner, nn.Module) else module


def _check(module: nn.Module) -> None:
    name, parameters = type(module).__name__, dict(module.named_parameters())
    lazy = next((path for path, p in parameters.items() if is_lazy(p)), None)
    if lazy is not None:
        raise UserError(f"{name}: {lazy} has no shape yet; pass one batch through the module first, so that it has")
    if any(p.is_meta for p in parameters.values()):
        raise UserError(f"{name}: its weights are on the meta device, where there are no numbers to measure")
    if not any(p.requires_grad for p in parameters.values()):
        raise UserError(f"{name}: {'all parameters are frozen' if parameters else 'it has no parameters'}")


@contextmanager
def _eager() -> Iterator[None]:
    """Parts that are compiled run as they were written, so that their layers are seen."""
    with torch.compiler.set_stance("force_eager"):
        yield


def _measured(module: nn.Module, batch: Batch, loss: Loss, notes: Notes) -> Draw:
    sample = Sample(0, num_rows=batch.num_rows)
    layers = LayerProbe(QUANTITIES, Stopwatch(), notes)
    layers.choose(_layers(module))
    layers.attach(sample, full=True)
    try:
        found = loss_of(module, batch, loss, notes.note)
        if not found.requires_grad:
            raise UserError(f"loss: it does not depend on a parameter of {type(module).__name__} that trains")
        sample.added[LOSS] = float(found.detach())
        layers.begin_backward()
        found.backward()
    finally:
        layers.detach()
    for name, why in layers.not_watched(sample).items():
        notes.note(f"{name} is not measured: {why}")
    _take_parameters(module, sample, notes)
    values = sample.pack()
    rows, _ = sample.rows(values.tolist() if isinstance(values, torch.Tensor) else values, QUANTITIES)
    return sample, {(row["layer"], row["quantity"]): row["value"] for row in rows}


def _layers(module: nn.Module) -> dict[str, nn.Module]:
    """Leaves that have parameters or change each entry, and the module as a whole."""
    leaves = choose_layers(module) or {type(module).__name__: module}
    found = {name: layer for name, layer in leaves.items() if _is_layer(layer)}
    return found if module in found.values() else found | {OUTPUT: module}


def _is_layer(layer: nn.Module) -> bool:
    if next(layer.parameters(), None) is not None:
        return True
    home = type(layer).__module__.rsplit(".", 1)
    return not (isinstance(layer, nn.Identity) or (home[0] == "torch.nn.modules" and home[-1] in NO_SIGNAL))


def _take_parameters(module: nn.Module, sample: Sample, guard: Guard) -> None:
    """By the probe that looks at them within an optimiser's step; this one never steps."""
    probe = ParameterProbe(QUANTITIES, Stopwatch(), guard)
    probe.attach(sample, dict(module.named_parameters()), automatic=True)
    try:
        probe.before_step(torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.0))
    finally:
        probe.detach()


def _together(module: nn.Module, batch: Batch, done: list[Draw], notes: tuple[str, ...]) -> Measurement:
    kinds = _layers(module)
    names = list(dict.fromkeys(name for sample, _ in done for name in sample.layers))
    weights = [name for name in names if name != OUTPUT and _mixes(kinds[name.partition("#")[0]])]
    last = weights[-2] if len(weights) > 1 else None
    layers = [_layer(name, kinds[name.partition("#")[0]], name in weights, last, done) for name in names]
    output = next((layer for layer in layers if layer.name == OUTPUT), None)
    if output is None and isinstance(kinds.get(type(module).__name__), type(module)):
        output = next((layer for layer in layers if layer.name == type(module).__name__), None)
    parameters = [
        MeasuredParameter(
            name,
            p.numel(),
            p.dim(),
            _log10(_values(done, name, "grad_norm"), _values(done, name, "weight_norm")),
            _values(done, name, "weight_norm") / math.sqrt(max(1, p.numel())),
        )
        for name, p in module.named_parameters()
        if any(name in sample.parameters for sample, _ in done)
    ]
    return Measurement(
        type(module).__name__,
        tuple(layer for layer in layers if layer.name != OUTPUT),
        tuple(parameters),
        output,
        _values(done, *LOSS),
        batch.num_rows,
        notes,
    )


def _mixes(layer: nn.Module) -> bool:
    name = type(layer).__name__.lower()
    return any(p.dim() > 1 for p in layer.parameters()) and not any(word in name for word in NO_WEIGHTS)


def _layer(name: str, module: nn.Module, weights: bool, last: str | None, done: list[Draw]) -> MeasuredLayer:
    std, similarity, dead, saturated, grad_std = (
        _values(done, name, what) for what in ("std", "similarity", "dead", "saturated", "grad_std")
    )
    gradient = _log10(grad_std, _values(done, last, "grad_std") if last else grad_std)
    return MeasuredLayer(name, type(module).__name__, weights, std, similarity, dead, saturated, grad_std, gradient)


def _values(done: list[Draw], name: str, quantity: str) -> Array:
    return np.array([figures.get((name, quantity), math.nan) for _, figures in done], dtype=np.float64)


def _log10(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log10(above) - np.log10(below))
