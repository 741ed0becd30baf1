"""Which tensor of what a layer outputs is looked at, and why none is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from initlab.monitor.moment import traced


def first_signal(output: Any) -> Tensor | None:
    """The first tensor in an output, however deep in tuples, dicts and dataclasses, that `is_signal`; None: there is
    none."""
    if isinstance(output, Tensor):
        return output if is_signal(output) else None
    for part in _parts(output):
        found = first_signal(part)
        if found is not None:
            return found
    return None


def _parts(output: Any) -> Iterable[Any]:
    if isinstance(output, Mapping):
        return output.values()
    if isinstance(output, (tuple, list)):
        return output
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return [getattr(output, field.name) for field in dataclasses.fields(output)]
    return ()


def is_signal(x: Tensor) -> bool:
    """Whether it is an ordinary tensor of more than one real or complex number.

    Tensors under a transform of torch.func (vmap, grad) have no memory of their own, by which they are told.
    """
    if traced() or not (x.is_floating_point() or x.is_complex()):
        return False
    if x.layout is not torch.strided or x.is_nested or x.is_meta:
        return False
    if type(x) is not Tensor and not isinstance(x, nn.Parameter):
        return False
    try:
        x.untyped_storage()
    except (NotImplementedError, RuntimeError):
        return False
    return x.numel() > 1


def unreadable(output: Any) -> str:
    """Why `first_signal` found nothing."""
    if not isinstance(output, Tensor):
        tensors = [part for part in _parts(output) if isinstance(part, Tensor)]
        return unreadable(tensors[0]) if tensors else f"its output, a {type(output).__name__}, holds no tensor"
    if traced():
        return "it is called while being traced"
    if not (output.is_floating_point() or output.is_complex()):
        return f"its output is of {output.dtype}"
    if type(output) is not Tensor or output.is_nested or output.layout is not torch.strided:
        kind = "nested tensor" if output.is_nested else str(output.layout)
        return f"its output is a {type(output).__name__ if type(output) is not Tensor else kind}"
    if output.is_meta:
        return "its output is on the meta device"
    if output.numel() <= 1:
        return "its output is a single number" if output.numel() else "its output is empty"
    return "it is called under a transform of torch.func"


def of_numbers(x: Tensor) -> Tensor:
    """Without its history; of complex numbers the modulus, of 8-bit ones float32, which torch can sum."""
    x = x.detach()
    if x.is_complex():
        return x.abs()
    return x.float() if x.element_size() == 1 else x
