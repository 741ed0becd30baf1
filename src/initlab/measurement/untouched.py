"""A module that comes back as it was, whatever is done to it."""

from __future__ import annotations

import copy
import random
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CONTAINERS = (dict, OrderedDict, list, set, deque)  # whose content is put back too


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Within it a module may be drawn, trained, rebuilt; after it, or after an error in it, all is as before.

    That is: which parameters, buffers, submodules, hooks and other attributes every part of it has, the mode, the
    numbers in its tensors, at the place in memory where they were, `requires_grad` and `.grad`; the state of its own
    generators; and the random states of torch, NumPy and Python. What an attribute holds deeper than in a list or dict
    of its own is not looked at. `.grad` is None at the beginning.
    """
    parts = [_Part(part) for part in module.modules()]
    random_states = _RandomStates()
    try:
        for part in parts:
            part.without_gradients()
        yield
    finally:
        for part in parts:
            part.restore()
        random_states.restore()


class _Part:
    """One module of it."""

    def __init__(self, module: nn.Module) -> None:
        self._now = vars(module)
        self._attributes = dict(self._now)
        held = [value for value in self._now.values() if type(value) in CONTAINERS]
        self._containers = [(one, copy.copy(one)) for one in held]
        values = [*self._attributes.values(), *(v for one in held for v in _values(one))]
        self._tensors = [_Kept(value) for value in values if isinstance(value, Tensor)]
        self._generators = [(value, value.get_state()) for value in values if isinstance(value, torch.Generator)]

    def without_gradients(self) -> None:
        for kept in self._tensors:
            kept.without_gradient()

    def restore(self) -> None:
        self._now.clear()
        self._now.update(self._attributes)
        for container, before in self._containers:
            container.clear()
            if isinstance(container, (dict, set)):
                container.update(before)
            else:
                container.extend(before)
        for kept in self._tensors:
            kept.restore()
        for generator, state in self._generators:
            generator.set_state(state)


def _values(container: Any) -> list[Any]:
    return list(container.values() if isinstance(container, dict) else container)


class _Kept:
    """One tensor: its numbers, where they lie, and its gradient."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._place = tensor, tensor.data
        self._numbers = tensor.detach().clone()
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None

    def without_gradient(self) -> None:
        if self._tensor.is_leaf:
            self._tensor.grad = None

    def restore(self) -> None:
        self._tensor.data = self._place
        self._place.copy_(self._numbers)
        if self._tensor.is_leaf:
            self._tensor.requires_grad_(self._requires_grad)
            self._tensor.grad = self._grad


class _RandomStates:
    def __init__(self) -> None:
        self._torch, self._numpy, self._python = torch.get_rng_state(), np.random.get_state(), random.getstate()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    def restore(self) -> None:
        torch.set_rng_state(self._torch)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        np.random.set_state(self._numpy)
        random.setstate(self._python)


def seed_all(number: int) -> None:
    """The random numbers of torch on every device, NumPy and Python; `number`: of 64 bits."""
    torch.manual_seed(number >> 1)
    np.random.seed(number & 0xFFFFFFFF)
    random.seed(number)
