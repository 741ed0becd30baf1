"""A forward pass to look at, after which the network is as it was."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from initlab.errors import UserError

BY_PLACE = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD


def call(model: nn.Module, batch: Any) -> Any:
    """Of a batch as the model takes it: a tensor, a tuple of arguments or a dict of them by name; a copy on its device
    and in its precision. What is left over, as the y of (X, y), is left out."""
    inputs = _like(next(model.parameters(), torch.empty(0)), batch)
    try:
        takes = [p.kind for p in inspect.signature(model.forward).parameters.values()]
        if isinstance(inputs, Mapping):
            inputs = inputs if inspect.Parameter.VAR_KEYWORD in takes else inputs_of(model, inputs)
        elif type(inputs) is list and inspect.Parameter.VAR_POSITIONAL not in takes:
            inputs = inputs[: sum(kind in BY_PLACE for kind in takes)]
        if isinstance(inputs, Mapping):
            return model(**inputs)
        return model(*inputs) if type(inputs) in (tuple, list) else model(inputs)
    except UserError:
        raise
    except Exception as error:
        says = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UserError(f"the batch does not pass through {type(model).__name__} ({says})") from error


def _like(parameter: Tensor, batch: Any) -> Any:
    if isinstance(batch, Tensor):
        both = batch.is_floating_point() and parameter.is_floating_point()
        return batch.to(parameter.device, parameter.dtype if both else batch.dtype, copy=True)
    if isinstance(batch, Mapping):
        return {name: _like(parameter, part) for name, part in batch.items()}
    return [_like(parameter, part) for part in batch] if type(batch) in (tuple, list) else batch


@contextmanager
def only_looking(model: nn.Module) -> Iterator[None]:
    """In evaluation mode, without gradients, nothing compiled or fused, so that hooks see every layer; afterwards mode,
    buffers and random numbers are as before."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(m, name, b, b.detach().clone()) for m, _ in modes for name, b in m.named_buffers(recurse=False)]
    fused = torch.backends.mha.get_fastpath_enabled()
    cuda = sorted({p.device.index for p in model.parameters() if p.is_cuda})
    try:
        for module, _ in modes:
            module.training = False  # not eval(), which a model may have a version of its own of
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), torch.random.fork_rng(cuda), _nothing_compiled():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, was in modes:
            module.training = was
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                buffer.copy_(value)
                setattr(module, name, buffer)  # which it may have replaced


def _nothing_compiled() -> AbstractContextManager[object]:
    """To ask for it imports the compiler, for seconds, which anything compiled has done already."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def inputs_of(model: nn.Module, batch: Any) -> Any:
    """Of a training batch what the model's `forward` takes: of a tuple as many as must be given, at least one; of a
    dict those that it names, or the dict itself."""
    takes = inspect.signature(model.forward).parameters
    if isinstance(batch, Mapping):
        return {name: part for name, part in batch.items() if name in takes} or (batch,)
    if type(batch) not in (tuple, list):  # one of several fields is one argument
        return batch
    needed = sum(p.default is p.empty for p in takes.values() if p.kind in BY_PLACE)
    return tuple(batch[: max(needed, 1)])
