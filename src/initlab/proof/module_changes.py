"""What may be changed in any module, as data: a callback for each, of a copy and its trainer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor, nn

from initlab.init import initialize
from initlab.limits import ADAM_LR
from initlab.proof.bugs import bug_pairs
from initlab.proof.columns import OnInputs, column_changes
from initlab.proof.fork import SIZES, Change
from initlab.proof.replay import Tape
from initlab.seeds import generator

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
SCHEMES = ("kaiming", "xavier", "orthogonal")
FUNCTIONS = (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardtanh, nn.Softsign)
OTHERS = {"relu": nn.ReLU, "tanh": nn.Tanh}
USUAL = (0.1, 10.0)  # root mean square of an input that is called normalised


class AtFirstBatch(L.Callback):
    """Changes the module once, behind all that its own hooks make of it."""

    done = False

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if not self.done:
            self.done = True
            self.change(pl_module)

    def change(self, pl_module: L.LightningModule) -> None: ...


class Redrawn(AtFirstBatch):
    """The weights of `initlab.initialize`."""

    def __init__(self, scheme: str, inputs: Any) -> None:
        self.scheme, self.inputs = scheme, inputs

    def change(self, pl_module: L.LightningModule) -> None:
        device = next((p.device for p in pl_module.parameters()), None)
        batch = self.inputs.to(device) if self.inputs is not None else None
        initialize(pl_module, self.scheme, generator=generator("init", 0), batch=batch)


class Reset(AtFirstBatch):
    """Every layer as torch draws it, norms with scale 1."""

    def change(self, pl_module: L.LightningModule) -> None:
        with isolate_rng():
            torch.manual_seed(0)
            for module in pl_module.modules():
                reset = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()


class AtRate(L.Callback):
    """The first parameter group at this rate, the others in proportion; a schedule likewise."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        first = trainer.optimizers[0].param_groups[0]
        factor = self.lr / (first.get("initial_lr") or first["lr"])
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                for key in ("lr", "initial_lr"):
                    if key in group:
                        group[key] = factor * group[key]
        for config in trainer.lr_scheduler_configs:
            rates = getattr(config.scheduler, "base_lrs", None)
            if rates is not None:
                config.scheduler.base_lrs = [factor * lr for lr in rates]


class WithAdam(L.Callback):
    """Adam at its usual rate in the place of whatever the module configures."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        pl_module.configure_optimizers = lambda: torch.optim.Adam(pl_module.parameters(), ADAM_LR)


class WithoutDecay(L.Callback):
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["weight_decay"] = 0.0


class OtherActivation(AtFirstBatch):
    """Every activation module but one that ends the network."""

    def __init__(self, name: str) -> None:
        self.name = name

    def change(self, pl_module: L.LightningModule) -> None:
        for owner, name, _ in activations_of(pl_module):
            setattr(owner, name, OTHERS[self.name]())


def activations_of(module: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Owner, name and activation; without one that is registered last, which may belong to the output."""
    leaves = [(owner, name, child) for owner in module.modules() for name, child in owner.named_children()]
    leaves = [leaf for leaf in leaves if not any(True for _ in leaf[2].children())]
    return [leaf for leaf in leaves[:-1] if isinstance(leaf[2], FUNCTIONS)]


def inputs_of_tape(tape: Tape) -> Tensor | None:
    """All inputs of pairs (X, y) with floating-point X of one shape."""
    pairs = [b for b in tape.batches if isinstance(b, (tuple, list)) and b and isinstance(b[0], Tensor)]
    same = {tuple(b[0].shape[1:]) for b in pairs if b[0].is_floating_point() and b[0].ndim > 1}
    if len(pairs) < len(tape.batches) or len(same) != 1:
        return None
    return torch.cat([b[0] for b in pairs])


def targets_of_tape(tape: Tape) -> Tensor | None:
    """Of pairs (X, y)."""
    found = [b[1] for b in tape.batches if isinstance(b, (tuple, list)) and len(b) == 2 and isinstance(b[1], Tensor)]
    return torch.cat(found) if len(found) == len(tape.batches) > 0 and found[0].ndim > 0 else None


def module_changes(tape: Tape, lr: float, decays: bool, scale_free: bool) -> list[Change]:
    """Every one that applies. `lr`: of the first parameter group, 0 where it is not known."""
    return [
        *_data(tape),
        *_init(tape),
        *_lr(lr),
        *([Change("setting", ("weight_decay=0",), SIZES["setting"], WithoutDecay)] if decays else []),
        *([] if scale_free else [_adam()]),
        *_activation(tape.module),
    ]


def module_pairs(tape: Tape, lr: float, scale_free: bool, bugs: Sequence[Change] = ()) -> Iterator[Change]:
    """Two mistakes, a mistake or a draw with a learning rate or Adam, where none by itself is enough."""
    yield from bug_pairs(bugs)
    draws = [draw for draw in _init(tape) if "kaiming" in draw.name or "xavier" in draw.name]
    for other in [*_lr(lr), *([] if scale_free else [_adam()])]:
        for draw in [*bugs, *draws]:
            yield draw + other
    for normal in _data(tape):
        for rate in _lr(lr):
            yield normal + rate


def _adam() -> Change:
    return Change("optimizer", (f"Adam(lr={ADAM_LR:g})",), SIZES["optimizer"], WithAdam)


def _init(tape: Tape) -> Iterator[Change]:
    X = inputs_of_tape(tape)
    inputs = X[:64] if X is not None else None
    yield Change("init", ("reset_parameters() of each layer",), SIZES["init"] + 0.5, Reset)
    for i, name in enumerate(SCHEMES):
        yield Change(
            "init", (f'initialize(module, "{name}")',), SIZES["init"] + 0.1 * i, partial(Redrawn, name, inputs)
        )


def _lr(lr: float) -> Iterator[Change]:
    for rate in RATES if lr > 0 else ():
        far = abs(math.log10(rate / lr))
        if far > 0.01:
            yield Change("lr", (f"lr={rate}",), SIZES["lr"] + far / 20, partial(AtRate, rate))


def _activation(module: nn.Module) -> Iterator[Change]:
    there = {type(child) for _, _, child in activations_of(module)}
    for name, kind in OTHERS.items():
        if there - {kind}:
            yield Change("activation", (f"{name} as activation",), SIZES["activation"], partial(OtherActivation, name))


def _data(tape: Tape) -> Iterator[Change]:
    X = inputs_of_tape(tape)
    if X is None:
        return
    odd = list(column_changes(X, [f"column {i}" for i in range(X[0].numel())]))
    yield from odd
    X = X.double()
    size = float(X.square().mean().sqrt())
    if odd or not USUAL[0] <= size <= USUAL[1]:
        over = [0, *range(2, X.ndim)]
        mean, std = X.mean(over, keepdim=True), X.std(over, correction=0, keepdim=True)
        std = torch.where(std > 0, std, 1.0)
        how = odd[-1].accuses if odd else f"their mean is {float(X.mean()):.3g}, their std {float(X.std()):.3g}"
        accuses = f"its inputs, which are not normalised: {how}"
        normalised = partial(OnInputs, lambda X: (X - mean.to(X)) / std.to(X))
        yield Change("data", ("inputs normalised",), SIZES["data"], normalised, accuses)
