"""Exact means over an epoch."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor


class Sums:
    """Sums over all examples of an epoch, on the device, so that the last short batch weighs what it should.

    Accumulated in float64 where the device has it: 60,000 float32 terms would lose three digits. Nothing waits for
    the device before `means`.
    """

    def __init__(self) -> None:
        self._num_examples = 0
        self._sums: dict[str, Tensor] = {}

    def add(self, num_examples: int, **sums: Tensor) -> None:
        """Add a number of examples and, by name, the sum of each figure over them, or several sums over some of them
        each, a tensor of any shape."""
        self._num_examples += num_examples
        for name, value in sums.items():
            total = value.to(torch.float32 if value.device.type == "mps" else torch.float64).sum()
            self._sums[name] = self._sums[name].add_(total) if name in self._sums else total

    def of_all(self, trainer: L.Trainer) -> Sums:
        """Those of all processes together, in each of them; every process must come here."""
        if trainer.world_size == 1 or not self._sums:
            return self
        values = list(self._sums.values())
        numbers = torch.stack([torch.full_like(values[0], self._num_examples), *values])
        count, *values = trainer.strategy.reduce(numbers, reduce_op="sum").unbind()
        together = Sums()
        together._num_examples = round(count.item())
        together._sums = dict(zip(self._sums, values, strict=True))
        return together

    def means(self) -> dict[str, float]:
        """The mean of each figure over the examples so far."""
        return {name: value.item() / self._num_examples for name, value in self._sums.items()}

    def state_dict(self) -> dict[str, Any]:
        return {"num_examples": self._num_examples, "sums": self._sums}

    def load_state_dict(self, state: dict[str, Any], trainer: L.Trainer) -> None:
        """The first process takes up the sums of all."""
        share = 1 if trainer.is_global_zero else 0
        self._num_examples = share * state["num_examples"]
        self._sums = {name: share * value.to(trainer.strategy.root_device) for name, value in state["sums"].items()}
