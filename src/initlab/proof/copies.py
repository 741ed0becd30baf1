"""A copy of anybody's module, and whether it is one: a lambda, a partial or a compiled method may still hold the module
that was copied."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain

import lightning as L
import torch
from lightning.pytorch.utilities.compile import to_uncompiled
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from initlab.proof.fork import Change
from initlab.proof.replay import Tape, replayed

SHARED = "a lambda or a compiled method in it holds the module itself, or its copy has the same weights"
COMPILED = "the module is not compiled"


def module_copy(module: L.LightningModule) -> tuple[L.LightningModule, str]:
    """Without its trainer, which holds data and files, and without the methods that `torch.compile` made of its own,
    which would be those of the module; what is different in the copy, in words.

    Raises:
        RuntimeError: the copy has weights of the module.
    """
    trainer = module._trainer  # the property raises where there is none
    before, without = dict(vars(module)), ""
    module.trainer = None
    try:
        with suppress(ValueError):  # it is not compiled
            to_uncompiled(module)
            without = COMPILED
        copied = copy.deepcopy(module)
    finally:
        vars(module).update(before)
        module.trainer = trainer
    if {id(t) for t in named_tensors(module).values()} & {id(t) for t in named_tensors(copied).values()}:
        raise RuntimeError(SHARED)
    return copied, without


def is_real_copy(tape: Tape, module: L.LightningModule, touched: Callable[[], bool]) -> bool:
    """Whether a step of the copy on the tape leaves the module out. touched: of `left_as_it_was`."""
    optimizers = _Optimizers(module)
    replayed(tape, Change("", ("look",), 0.0, lambda: optimizers), math.inf, steps=1)
    return not (optimizers.of_the_module or touched())


@contextmanager
def left_as_it_was(module: L.LightningModule, trainer: L.Trainer) -> Iterator[Callable[[], bool]]:
    """Put back, at the end, parameters, buffers, gradients and the settings of the optimisers. Yields what tells
    whether a parameter or buffer has been changed, or a parameter read: until then each may get a gradient, and has
    none."""
    tensors = named_tensors(module)
    values = {name: t.detach().clone() for name, t in tensors.items()}
    parameters = [(p, p.grad, p.requires_grad) for p in module.parameters()]
    groups = [(group, dict(group)) for optimizer in trainer.optimizers for group in optimizer.param_groups]

    def changed() -> list[str]:
        now = named_tensors(module)
        return [name for name, t in tensors.items() if now.get(name) is not t or not _same(t, values[name])]

    try:
        for p, _, _ in parameters:
            p.grad = None
            if p.is_floating_point() or p.is_complex():
                p.requires_grad_(True)
        yield lambda: any(p.grad is not None for p, _, _ in parameters) or bool(changed())
    finally:
        for p, grad, requires_grad in parameters:
            p.requires_grad_(requires_grad)
            p.grad = grad
        with torch.no_grad():
            for name in changed():
                owner, _, last = name.rpartition(".")
                setattr(module.get_submodule(owner), last, tensors[name].copy_(values[name]))
        for group, was in groups:
            group.clear()
            group.update(was)


class _Optimizers(L.Callback):
    """Ends a fit whose optimisers have parameters of this module, before they change any."""

    def __init__(self, module: nn.Module) -> None:
        self.known = {id(p) for p in module.parameters()}
        self.of_the_module = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        self.of_the_module = any(id(p) in self.known for group in groups for p in group["params"])
        if self.of_the_module:
            raise RuntimeError(SHARED)


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by each of their names, but those that no forward has made yet."""
    named = chain(module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False))
    return {name: t for name, t in named if not is_lazy(t)}


def _same(a: Tensor, b: Tensor) -> bool:
    """To the bit, nan alike."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
