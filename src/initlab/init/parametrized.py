"""The weight of a layer, whether it is a parameter or computed from some."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from initlab.errors import UserError

POWER_ITERATIONS = 15  # that `torch.nn.utils.parametrizations.spectral_norm` takes for a new weight


def parameters_of(layer: nn.Module, name: str) -> dict[str, nn.Parameter]:
    """By their names in the layer, the parameters that the tensor is made of; none where the layer goes without it."""
    if parametrize.is_parametrized(layer, name):
        here: Any = layer.parametrizations
        return {f"parametrizations.{name}.{part}": p for part, p in here[name].named_parameters()}
    own = dict(layer.named_parameters(recurse=False))
    if name in own:
        return {name: own[name]}
    return {part: p for part, p in own.items() if part in {f"{name}_{end}" for end in ("g", "v", "orig")}}  # by a hook


def read(layer: nn.Module, name: str) -> Tensor:
    """Its value; to look at it changes nothing, though a `spectral_norm` improves its estimate when it trains."""
    if not parametrize.is_parametrized(layer, name):
        return getattr(layer, name)
    with _in_mode(layer, name, training=False):
        return getattr(layer, name)


def check_writable(layer: nn.Module, name: str, where: str) -> None:
    """Raise UserError where there is no way back from a value to the parameters."""
    if parametrize.is_parametrized(layer, name):
        computed: Any = layer.parametrizations
        for one in computed[name]:
            if not hasattr(one, "right_inverse"):
                raise UserError(
                    f"{where}: it is parametrized by {type(one).__name__}, which has no right_inverse and so cannot be "
                    "given a drawn weight; draw before it is parametrized"
                )
    elif f"{name}_orig" in parameters_of(layer, name):
        raise UserError(
            f"{where}: a hook computes it from {name}_orig, so it cannot be drawn; use "
            "torch.nn.utils.parametrizations instead of that hook, or prune after the draw"
        )


def write(layer: nn.Module, name: str, value: Tensor) -> None:
    """Give the parameters the values that make it `value`, or the nearest to it that they can make."""
    parts = parameters_of(layer, name)
    if parametrize.is_parametrized(layer, name):
        setattr(layer, name, value)
        computed: Any = layer.parametrizations
        if any(True for _ in computed[name].buffers()):
            with _in_mode(layer, name, training=True):
                for _ in range(POWER_ITERATIONS):
                    getattr(layer, name)
    elif name in parts:
        parts[name].copy_(value)
    else:  # torch.nn.utils.weight_norm
        size = parts[f"{name}_g"]
        along = [axis for axis in range(value.ndim) if size.ndim == 0 or size.shape[axis] == 1]
        parts[f"{name}_v"].copy_(value)
        size.copy_(torch.linalg.vector_norm(value, dim=along, keepdim=size.ndim > 0))
        setattr(layer, name, parts[f"{name}_v"].clone())  # until the hook computes it


@contextmanager
def _in_mode(layer: nn.Module, name: str, *, training: bool) -> Iterator[None]:
    computed: Any = layer.parametrizations
    modes = [(one, one.training) for one in computed[name].modules()]
    for one, _ in modes:
        one.training = training
    try:
        yield
    finally:
        for one, was in modes:
            one.training = was
