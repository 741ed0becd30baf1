"""What a CUDA graph does, on the CPU."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

T = TypeVar("T")


class Tape(TorchDispatchMode):
    """Records the operations of a piece of work with the very tensors they work on, and does them again.

    As in a CUDA graph nothing of Python runs again, plain numbers stay what they were, every result goes to the memory
    it first went to, no number may come to the host, and recording itself changes nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Any, Any, Any, Any]] = []
        self._before: list[tuple[Tensor, Tensor]] = []
        self._own: set[int] = set()  # storages made within

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        kwargs = kwargs or {}
        for argument, value in zip(func._schema.arguments, args, strict=False):
            self._keep(argument, value)
        for argument in func._schema.arguments:
            self._keep(argument, kwargs.get(argument.name))
        result = func(*args, **kwargs)
        known = {_storage(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        self._own |= {_storage(t) for t in tree_leaves(result) if isinstance(t, Tensor)} - known
        self._calls.append((func, args, kwargs, result))
        return result

    def undo(self) -> None:
        with torch.no_grad():
            for tensor, before in reversed(self._before):
                tensor.copy_(before)

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, result in self._calls:
                for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                    if isinstance(old, Tensor) and _storage(old) != _storage(new):
                        old.copy_(new)

    def _keep(self, argument: Any, value: Any) -> None:
        if argument.alias_info is not None and argument.alias_info.is_write:
            for tensor in tree_leaves(value):
                if isinstance(tensor, Tensor) and _storage(tensor) not in self._own:
                    self._before.append((tensor.detach(), tensor.detach().clone()))


class TapeRecorder:
    def __init__(self) -> None:
        self.recordings = self.replays = 0

    def warm_up(self, work: Callable[[], T]) -> T:
        return work()

    def record(self, work: Callable[[], Any]) -> Callable[[], None]:
        try:
            with Tape() as tape:
                work()
        finally:
            tape.undo()
        self.recordings += 1
        return lambda: self._replay(tape)

    def _replay(self, tape: Tape) -> None:
        tape.replay()
        self.replays += 1


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
