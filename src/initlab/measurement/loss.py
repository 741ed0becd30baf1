"""The loss whose gradient is measured: the user's, one by name, or the one that suits the target."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor, nn
from torch.nn import functional as F

from initlab.batch import Batch, not_taken
from initlab.checks.rule import did_you_mean
from initlab.errors import UserError, reason
from initlab.monitor.outputs import first_signal

Loss = Callable[..., Any] | str | None
NAMES = ("cross_entropy", "mse", "binary_cross_entropy")
OUTPUTS = ("logits", "out")  # of a module that returns several things
RANDOM_CLASSES = "no target given: cross-entropy of random classes"
RANDOM_NUMBERS = "no target given: squared error to standard normal numbers"


def loss_of(module: nn.Module, batch: Batch, loss: Loss, say: Callable[[str], None]) -> Tensor:
    """One forward pass: a 0-d tensor.

    None is the loss of a LightningModule's own `training_step`, or the one that a module returns as `.loss`; else
    cross-entropy where the target holds classes, squared error where it holds numbers, random classes or numbers where
    there is none, which `say` is told. A function gets what the module returned, as it is, and the target.
    """
    if isinstance(loss, str) and loss not in NAMES:
        allowed = f"must be one of {', '.join(NAMES)} or a function of (output, y)"
        raise UserError(f"loss={loss}: {allowed}{did_you_mean(loss, NAMES)}")
    if loss is None and _trains_itself(module):
        found = _step(module, batch.whole)
    else:
        output = batch.pass_through(module)
        own = _own_loss(output) if loss is None and batch.y is None else None
        if own is not None:
            found = own
        elif callable(loss):
            found = _asked(loss, output, batch.y)
        else:
            found = _default(loss, _signal(module, output), batch.y, say)
    if not isinstance(found, Tensor) or found.numel() != 1:
        shape = f"a tensor of shape {list(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise UserError(f"loss: it gave {shape}; it must be a tensor of one number, such as the mean over the batch")
    return found.reshape(())


def _trains_itself(module: nn.Module) -> bool:
    """Whether it has a `training_step` that only gives a loss."""
    if not isinstance(module, L.LightningModule) or not module.automatic_optimization:
        return False
    return bool(is_overridden("training_step", module, L.LightningModule))


def _step(module: Any, batch: Any) -> Any:
    module.trainer = None  # without one `self.log` does nothing but warn
    takes = inspect.signature(module.training_step).parameters
    index = {name: 0 for name in ("batch_idx", "dataloader_idx") if name in takes}
    if not index and len(takes) > 1:
        index = {list(takes)[1]: 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*self.log", UserWarning)
        try:
            found = module.training_step(batch, **index)
        except UserError:
            raise
        except Exception as error:
            raise not_taken(f"{type(module).__name__}.training_step", error) from error
    return found.get("loss") if isinstance(found, Mapping) else found


def _asked(loss: Callable[..., Any], output: Any, y: Any) -> Any:
    try:
        return loss(output) if y is None else loss(output, y)
    except UserError:
        raise
    except Exception as error:
        of = type(output).__name__ if not isinstance(output, Tensor) else f"tensor of shape {list(output.shape)}"
        raise UserError(
            f"loss: it does not take what the module returned, a {of}{'' if y is None else ', and the target'} "
            f"({reason(error)})"
        ) from error


def _part(output: Any, names: tuple[str, ...]) -> Tensor | None:
    for name in names:
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(found, Tensor):
            return found
    return None


def _own_loss(output: Any) -> Tensor | None:
    """Of a module that was given the target and returns its loss, alone or with other things."""
    return output if isinstance(output, Tensor) and output.dim() == 0 else _part(output, ("loss",))


def _signal(module: nn.Module, output: Any) -> Tensor:
    """The tensor that the loss is of: `.logits` or `.out` where there is one, else the first."""
    chosen = output if isinstance(output, Tensor) else _part(output, OUTPUTS)
    found = first_signal(output if chosen is None else chosen)
    if found is None or found.is_complex():
        kind = "complex numbers" if found is not None else "no tensor of several numbers"
        raise UserError(
            f"loss: the output of {type(module).__name__}, a {type(output).__name__}, holds {kind}; "
            "give loss=, a function of (output, y)"
        )
    return found


def _default(name: str | None, z: Tensor, y: Any, say: Callable[[str], None]) -> Tensor:
    z = z if z.dtype == torch.float64 else z.float()
    if y is None:
        return _without_target(name, z, say)
    if not isinstance(y, Tensor):
        raise UserError(f"batch: its target is a {type(y).__name__}; a tensor is needed, or loss= of your own")
    whole = not (y.is_floating_point() or y.is_complex())
    two = z.dim() == 1 or (z.dim() > 1 and z.shape[1] == 1 and z.numel() == y.numel())
    if name is None and whole and two and bool(((y == 0) | (y == 1)).all()):
        name = "binary_cross_entropy"
    if name == "cross_entropy" or (name is None and whole and not two):
        return _cross_entropy(z, y)
    if z.numel() != y.numel():
        raise UserError(
            f"batch: its target has shape {list(y.shape)}, the output {list(z.shape)}; give loss=, a function of "
            "(output, y)"
        )
    y = y.reshape(z.shape).to(z.dtype)
    return F.binary_cross_entropy_with_logits(z, y) if name == "binary_cross_entropy" else F.mse_loss(z, y)


def _cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    """The classes are dimension 1 of the output, or the last where the target says so."""
    if y.is_floating_point():
        if z.shape == y.shape:
            return F.cross_entropy(z, y.to(z.dtype))
    elif z.dim() > 1:
        if y.numel() * z.shape[1] == z.numel() and y.squeeze().shape == z.select(1, 0).squeeze().shape:
            z, y = z.movedim(1, -1).flatten(0, -2), y.flatten()
        elif y.shape == z.shape[:-1]:
            z, y = z.flatten(0, -2), y.flatten()
        if z.dim() == 2 and y.dim() == 1 and len(z) == len(y):
            if int(y.max()) >= z.shape[1]:
                raise UserError(f"batch: its target has class {int(y.max())}, the output {z.shape[1]} classes")
            return F.cross_entropy(z, y.long())
    raise UserError(
        f"batch: its target has shape {list(y.shape)}, the output {list(z.shape)}: no dimension is for the classes; "
        "give loss=, a function of (output, y)"
    )


def _without_target(name: str | None, z: Tensor, say: Callable[[str], None]) -> Tensor:
    if name == "cross_entropy" or (name is None and z.dim() == 2 and z.shape[1] > 1):
        say(RANDOM_CLASSES)
        classes = torch.randint(z.shape[1] if z.dim() > 1 else 1, z.select(1, 0).shape if z.dim() > 1 else z.shape)
        return _cross_entropy(z, classes.to(z.device))
    if name == "binary_cross_entropy":
        say(RANDOM_CLASSES)
        return F.binary_cross_entropy_with_logits(z, torch.randint(2, z.shape).to(z))
    say(RANDOM_NUMBERS)
    return F.mse_loss(z, torch.randn(z.shape).to(z))
