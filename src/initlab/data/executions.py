"""Batches that are trained on in one go."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from torch import Tensor

from initlab.data.batches import Batches

Batch = tuple[Tensor, Tensor]


class Execution(tuple[Tensor, Tensor]):
    """The first of several batches, (X, y), which brings the others along: iterated over once, it gives all of them,
    each made when it is asked for."""

    _others: Iterator[Batch]

    @classmethod
    def of(cls, first: Batch, others: Iterator[Batch]) -> "Execution":
        execution = cls(first)
        execution._others = others
        return execution

    def batches(self) -> Iterator[Batch]:
        """All of them, once; ask for the next when the one before is done with."""
        yield (self[0], self[1])
        yield from self._others


class Executions:
    """The batches of a loader, `steps_per_execution` at a time; the last of an epoch may have fewer.

    An epoch, its order and its state are those of `batches`. Each execution must be gone through before the next
    is asked for.
    """

    def __init__(self, batches: Batches, steps_per_execution: int) -> None:
        self.batches = batches
        self.steps_per_execution = steps_per_execution

    def __len__(self) -> int:
        return -(-len(self.batches) // self.steps_per_execution)

    def __iter__(self) -> Iterator[Execution]:
        batches = iter(self.batches)
        for first in batches:
            yield Execution.of(first, islice(batches, self.steps_per_execution - 1))

    def state_dict(self) -> dict[str, Any]:
        return self.batches.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.batches.load_state_dict(state)
