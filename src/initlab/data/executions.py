"""Batches that are trained on in one go."""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from initlab.data.batches import Batches

Batch = tuple[Tensor, Tensor]


class Execution(tuple[Tensor, Tensor]):
    """The first of one or more batches, (X, y), which knows the others: `rows` yields the row numbers of each, int64
    [batch], the first one's too, once; ask for the next when the batch before is done with. `take` makes a batch of
    row numbers."""

    rows: Iterator[Tensor]
    take: Callable[[Tensor], Batch]

    @classmethod
    def of(cls, rows: Iterator[Tensor], take: Callable[[Tensor], Batch]) -> "Execution":
        first = next(rows)
        execution = cls(take(first))
        execution.rows, execution.take = chain((first,), rows), take
        return execution

    @classmethod
    def alone(cls, batch: Batch) -> "Execution":
        """Of one batch, whose row numbers nobody knows."""
        return cls.of(iter([torch.empty(0, dtype=torch.int64)]), lambda rows: batch)


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
        rows = self.batches.rows()
        for first in rows:
            yield Execution.of(chain((first,), islice(rows, self.steps_per_execution - 1)), self.batches.take)

    def state_dict(self) -> dict[str, Any]:
        return self.batches.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.batches.load_state_dict(state)
