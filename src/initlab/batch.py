"""How a module takes a batch: which part of it goes in, as what, and which part is the target."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from initlab.errors import UserError, reason

TARGETS = ("y", "labels", "label", "targets", "target")  # keys of a batch that is a dict
TRANSFER = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")  # hooks of Lightning
FORMS = "an input X, a pair (X, y), several inputs (X1, X2, y), or a dict of the arguments that the module takes"


@dataclass(frozen=True)
class Batch:
    """args, kwargs: for the module; y: the target, None where there is none; whole: as it was given.

    num_rows: examples in it, None where no tensor says: as many as the target has, if that is 1-d and as long as
        dimension 0 or 1 of the input; else dimension 0, or dimension 1 of an input [T, N] or [T, N, C] of a module
        with parts that are `batch_first=False`.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    y: Any
    whole: Any
    num_rows: int | None

    def copied(self) -> Batch:
        """With tensors of its own, which an in-place operation may overwrite."""
        args, kwargs, y, whole = each_tensor(_copy, (self.args, self.kwargs, self.y, self.whole))
        return Batch(args, kwargs, y, whole, self.num_rows)

    def pass_through(self, module: nn.Module) -> Any:
        """What the module makes of it."""
        try:
            return module(*self.args, **self.kwargs)
        except UserError:
            raise
        except Exception as error:
            mode = " in training mode" if module.training else ""
            raise not_taken(f"{type(module).__name__}{mode}", error) from error

    def first(self, rows: int) -> Batch:
        """The first `rows` of it, where every input has its rows in dimension 0; else all."""
        n = self.num_rows or 0
        if n <= rows or any(not x.dim() or len(x) != n for x in tensors_of((self.args, self.kwargs))):
            return self
        args, kwargs = each_tensor(lambda x: x[:rows], (self.args, self.kwargs))
        return Batch(args, kwargs, None, None, rows)


def batch_for(module: nn.Module, given: Any) -> Batch:
    """`given` is one of `FORMS`, or a `Batch` already; its tensors are moved to the device of the module's parameters,
    and floats to their dtype, where all parameters share one."""
    if isinstance(given, Batch):
        return given
    whole = each_tensor(_placed_as(module), given)
    args, kwargs, y = _split(module, whole)
    tensors = tensors_of((args, kwargs))
    if not tensors:
        raise UserError(f"batch: a {type(given).__name__} without a tensor in it; give {FORMS}")
    if any(not x.numel() for x in tensors):
        raise UserError("batch: it has no rows")
    return Batch(args, kwargs, y, whole, _rows(module, tensors[0], y))


def not_taken(what: str, error: Exception) -> UserError:
    """For a batch that is refused by whatever takes it."""
    if "more than 1 value per channel" in str(error):
        return UserError("batch: batch normalisation needs two rows or more in training mode; give a larger batch")
    missing = 'missing the required "forward"' in str(error)
    remedy = "; write one, as in def forward(self, X): return self.net(X)" if missing else ""
    return UserError(f"batch: {what} does not take it ({reason(error)}){remedy}")


def _split(module: nn.Module, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    required, names, any_name, any_number = _takes(module)
    if isinstance(batch, (Tensor, PackedSequence)):
        return (batch,), {}, None
    if isinstance(batch, Mapping):
        if any_name or set(batch) - set(TARGETS) <= names:
            kwargs = {key: value for key, value in batch.items() if key in names or (any_name and key not in TARGETS)}
            y = next((batch[key] for key in TARGETS if key in batch and key not in kwargs), None)
            return (), kwargs, y
        return (batch,), {}, next((batch[key] for key in TARGETS if key in batch), None)
    if not isinstance(batch, (tuple, list)) or not batch:
        raise UserError(f"batch: a {type(batch).__name__}; it must be {FORMS}, as in next(iter(loader))")
    if len(batch) == 1:
        return _split(module, batch[0])
    if len(batch) == 2 and isinstance(batch[0], Mapping):
        args, kwargs, _ = _split(module, batch[0])
        return args, kwargs, batch[1]
    if len(batch) == 2 and isinstance(batch[0], (tuple, list)):
        several = any_number or required > 1
        return (tuple(batch[0]) if several else (batch[0],)), {}, batch[1]
    if len(batch) == required:
        return tuple(batch), {}, None
    return tuple(batch[:-1]), {}, batch[-1]


def _takes(module: nn.Module) -> tuple[int, set[str], bool, bool]:
    """Of its `forward`: how many arguments it needs, the names of all, whether it takes any name, any number."""
    try:
        found = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return 1, set(), False, False
    kinds = {p.kind for p in found}
    named = [p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    required = sum(p.default is p.empty for p in named)
    names = {p.name for p in named if p.kind is not p.POSITIONAL_ONLY}
    return required, names, inspect.Parameter.VAR_KEYWORD in kinds, inspect.Parameter.VAR_POSITIONAL in kinds


def _rows(module: nn.Module, x: Tensor, y: Any) -> int | None:
    if x.dim() == 0:
        return None
    targets = tensors_of(y)
    if targets and targets[0].dim() == 1 and len(targets[0]) in x.shape[:2]:
        return len(targets[0])
    time_first = any(getattr(part, "batch_first", None) is False for part in module.modules())
    return x.shape[1] if time_first and x.dim() in (2, 3) else len(x)


def _placed_as(module: nn.Module) -> Callable[[Tensor], Tensor]:
    parameters = list(module.parameters())
    devices = {p.device for p in parameters}
    dtypes = {p.dtype for p in parameters if p.is_floating_point()}
    device = devices.pop() if len(devices) == 1 else None  # spread over several: the module knows where it begins
    dtype = dtypes.pop() if len(dtypes) == 1 else None

    def placed(x: Tensor) -> Tensor:
        x = x.as_subclass(Tensor)
        x = x if device is None else x.to(device)
        return x.to(dtype) if dtype is not None and x.is_floating_point() else x

    return placed


def _copy(x: Tensor) -> Tensor:
    with torch.inference_mode(False):
        return x.detach().clone()


def each_tensor(change: Callable[[Tensor], Tensor], given: Any) -> Any:
    """`given` with each of its tensors changed, in tuples, lists and dicts."""
    if isinstance(given, Tensor):
        return change(given)
    if isinstance(given, Mapping):
        changed = {key: each_tensor(change, value) for key, value in given.items()}
        if type(given) is dict or not isinstance(given, MutableMapping):
            return changed
        same = copy.copy(given)  # of a class of its own, as transformers' tokenizers give
        same.update(changed)
        return same
    if isinstance(given, PackedSequence):
        return given._replace(data=change(given.data))
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return type(given)(*(each_tensor(change, part) for part in given))
    if isinstance(given, (tuple, list)):
        return type(given)(each_tensor(change, part) for part in given)
    return given


def as_step_takes_it(trainer: Any, batch: Any) -> Any:
    """A batch of a loader as Lightning hands it to `training_step`: through the hooks of the data module, of the module
    where that has none."""
    from lightning.pytorch.utilities.model_helpers import is_overridden

    module, data = trainer.lightning_module, trainer.datamodule
    batch = trainer.precision_plugin.convert_input(batch)
    for hook in TRANSFER:
        owner = data if data is not None and is_overridden(hook, data) else module
        device = (module.device,) if hook == "transfer_batch_to_device" else ()
        batch = getattr(owner, hook)(batch, *device, 0)
    return batch


def tensors_of(given: Any) -> list[Tensor]:
    found: list[Tensor] = []

    def note(x: Tensor) -> Tensor:
        found.append(x)
        return x

    each_tensor(note, given)
    return found
