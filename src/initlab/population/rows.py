"""The batches of several models at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from initlab.training import Stretch

MOST = 2**28  # bytes of data that are put together


class Rows:
    """`batch(i)`: the i-th of each of these stretches, whose batches are as long, as X [models, batch, ...] and
    y [models, batch, ...]; [1, batch, ...] both where all models have the same rows.

    same: whether they have; same_order: whether they would at the same place of an epoch.
    """

    def __init__(self, stretches: Sequence[Stretch], start: Sequence[int], number: int) -> None:
        first, self._number = stretches[0], len(stretches)
        self._data: list[Any] = [stretch.batches for stretch in stretches]
        numbers = [stretch.numbers[i : i + number] for stretch, i in zip(stretches, start, strict=True)]
        self._one_set = all(_place(data.X) == _place(self._data[0].X) for data in self._data)
        self.same_order = self._one_set and all(data.seed == self._data[0].seed for data in self._data)
        self.same = self.same_order and all(of == numbers[0] for of in numbers)
        chosen = [first] if self.same else stretches
        self._rows = [s.rows[i : i + number] for s, i in zip(chosen, start, strict=False)]

    def batch(self, i: int) -> tuple[Tensor, Tensor]:
        rows = [of[i] for of in self._rows]
        data = self._data[0]
        if self.same:
            X, y = data.take(rows[0])
            return X[None], y[None]
        if self._one_set:
            X, y = data.take(torch.cat(rows))
            return X.unflatten(0, (self._number, -1)), y.unflatten(0, (self._number, -1))
        Xs, ys = zip(*(of.take(which) for of, which in zip(self._data, rows, strict=True)), strict=True)
        return torch.stack(Xs), torch.stack(ys)


def _place(X: Tensor) -> tuple[Any, ...]:
    """Equal for two tensors that are the same memory."""
    return X.device, X.data_ptr(), X.shape
