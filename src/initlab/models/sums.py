"""Exact means over an epoch."""

from __future__ import annotations

from typing import Any

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
        """Add a batch: the number of its examples and, by name, the sum of each figure over them, a 0-d tensor."""
        self._num_examples += num_examples
        for name, value in sums.items():
            if name in self._sums:
                self._sums[name] += value
            else:
                self._sums[name] = value.to(torch.float32 if value.device.type == "mps" else torch.float64)

    def means(self) -> dict[str, float]:
        """The mean of each figure over the examples so far."""
        return {name: value.item() / self._num_examples for name, value in self._sums.items()}

    def state_dict(self) -> dict[str, Any]:
        return {"num_examples": self._num_examples, "sums": self._sums}

    def load_state_dict(self, state: dict[str, Any], device: torch.device | str) -> None:
        self._num_examples = state["num_examples"]
        self._sums = {name: value.to(device) for name, value in state["sums"].items()}
