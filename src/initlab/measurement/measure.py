"""A forward and a backward pass of a real batch through anybody's module, without training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from initlab.batch import Batch, batch_for
from initlab.errors import UserError
from initlab.init.forward_pass import nothing_compiled, only_looking
from initlab.measurement.assemble import OUTPUT, assemble, layers_of
from initlab.measurement.figures import Measurement
from initlab.measurement.loss import Loss, loss_of
from initlab.measurement.redraw import Redraw, draw_again
from initlab.measurement.untouched import seed_all, untouched
from initlab.monitor.budget import Stopwatch
from initlab.monitor.guard import Guard
from initlab.monitor.layer_probe import LayerProbe
from initlab.monitor.observer import Row
from initlab.monitor.parameter_probe import ParameterProbe
from initlab.monitor.sample import LOSS, Sample
from initlab.numbers import listed
from initlab.seeds import batch_seed

QUANTITIES = frozenset(("std", "similarity", "dead", "saturated", "grad_std", "grad_norm", "weight_norm", "loss"))


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

    batch:  see `initlab.batch`.
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
    done: list[list[Row]] = []
    for i in range(draws):
        with untouched(module), nothing_compiled(), torch.inference_mode(False), torch.enable_grad():
            seed_all(batch_seed(seed, i))
            if not draw_again(module, redraw, taken, i, seed, notes.note):
                break
            module.train()
            seed_all(batch_seed(seed, i, 1))
            done.append(_measured(module, taken.copied(), loss, notes))
    return assemble(module, done, taken.num_rows, tuple(notes.texts))


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
    if isinstance(module, torch.jit.ScriptModule):
        raise UserError(
            f"{name}: the layers of TorchScript run where Python does not see them; give what it was made of"
        )
    lazy = next((path for path, p in parameters.items() if is_lazy(p)), None)
    if lazy is not None:
        raise UserError(f"{name}: {lazy} has no shape yet; pass one batch through the module first, so that it has")
    if any(p.is_meta for p in parameters.values()):
        raise UserError(f"{name}: its weights are on the meta device, where there are no numbers to measure")
    if not any(p.requires_grad for p in parameters.values()):
        raise UserError(f"{name}: {'all parameters are frozen' if parameters else 'it has no parameters'}")


def _measured(module: nn.Module, batch: Batch, loss: Loss, notes: Notes) -> list[Row]:
    sample = Sample(0, num_rows=batch.num_rows)
    layers = LayerProbe(QUANTITIES, Stopwatch(), notes)
    layers.choose(layers_of(module))
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
    missing = {name: why for name, why in layers.not_watched(sample).items() if name != OUTPUT}
    for why in dict.fromkeys(missing.values()):
        notes.note(f"not measured: {listed([name for name in missing if missing[name] == why], 4)} ({why})")
    _take_parameters(module, sample, notes)
    return _rows(sample, QUANTITIES)


def pass_forward(module: nn.Module, batch: Batch) -> dict[str, dict[str, float]]:
    """What each layer gives in evaluation mode, in order of execution: its std and its similarity of two rows; the
    module as a whole is `OUTPUT`. To be called within `untouched`."""
    sample, quantities = Sample(0, num_rows=batch.num_rows), frozenset(("std", "similarity"))
    layers = LayerProbe(quantities, Stopwatch(), Notes())
    layers.choose(layers_of(module))
    layers.attach(sample, full=True)
    try:
        with only_looking(module):
            batch.copied().pass_through(module)
    finally:
        layers.detach()
    found: dict[str, dict[str, float]] = {}
    for row in _rows(sample, quantities):
        found.setdefault(row["layer"], {})[row["quantity"]] = row["value"]
    return found


def _rows(sample: Sample, quantities: frozenset[str]) -> list[Row]:
    values = sample.pack()
    return sample.rows(values.tolist() if isinstance(values, torch.Tensor) else values, quantities)[0]


def _take_parameters(module: nn.Module, sample: Sample, guard: Guard) -> None:
    """By the probe that looks at them within an optimiser's step; this one never steps."""
    probe = ParameterProbe(QUANTITIES, Stopwatch(), guard)
    probe.attach(sample, dict(module.named_parameters()), automatic=True)
    try:
        probe.before_step(torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.0))
    finally:
        probe.detach()
