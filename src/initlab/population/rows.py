"""The batches of several models at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from initlab.data import Batches, TensorDataModule
from initlab.training import Stretch
from initlab.training.overrides import overrides

MOST = 2**28  # bytes of data that are put one after the other


class Joined:
    """The rows of several data sets as those of one; of one data set it is that. It keeps the latest."""

    def __init__(self) -> None:
        self._key: Any = None
        self._X: Tensor
        self._y: Tensor
        self._first: Tensor

    def first_rows(self, sets: Sequence[Batches]) -> Tensor | None:
        """[sets, 1]: the number of each one's first row; None: they cannot be put together."""
        key = [_place(data.X) for data in sets]
        if key != self._key:
            sizes = sum(part.numel() * part.element_size() for data in sets for part in (data.X, data.y))
            if sizes > MOST or any(data.transform and _changes(data.transform) for data in sets):
                return None
            self._key, self._sets = key, list(sets)  # so that no other tensor gets these places
            self._X, self._y = torch.cat([data.X for data in sets]), torch.cat([data.y for data in sets])
            first = [0, *accumulate(len(data.X) for data in sets)][: len(sets)]
            self._first = torch.tensor(first, device=self._X.device)[:, None]
        return self._first

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._X.index_select(0, rows), self._y.index_select(0, rows)


class Rows:
    """`batch(i)`: the i-th of the next batches of these stretches, all as long, as X [models, batch, ...] and
    y [models, batch, ...]; [1, batch, ...] both where all models have the same rows.

    same: whether they have; same_order: whether they would at the same place of an epoch.
    """

    def __init__(self, stretches: Sequence[Stretch], start: Sequence[int], number: int) -> None:
        self._data: list[Batches] = [stretch.batches for stretch in stretches]  # type: ignore[misc]
        numbers = [stretch.numbers[i : i + number] for stretch, i in zip(stretches, start, strict=True)]
        first = self._data[0]
        self._one_set = all(_place(data.X) == _place(first.X) for data in self._data)
        self.same_order = self._one_set and all(data.seed == first.seed for data in self._data)
        self.same = self.same_order and all(of == numbers[0] for of in numbers)
        chosen = stretches[:1] if self.same else stretches
        self._rows = [s.rows[i : i + number] for s, i in zip(chosen, start, strict=False)]
        self._index: Tensor | None = None  # [number, models, batch]

    def join(self, joined: Joined) -> None:
        """Prepare to pick the rows of all models in one go, where that can be done."""
        if self.same:
            return
        first = 0 if self._one_set else joined.first_rows(self._data)
        if first is not None:
            self._take = self._data[0].take if self._one_set else joined.take
            self._index = torch.stack([torch.stack(of) for of in self._rows], 1) + first

    def batch(self, i: int) -> tuple[Tensor, Tensor]:
        if self.same:
            X, y = self._data[0].take(self._rows[0][i])
            return X[None], y[None]
        if self._index is not None:
            X, y = self._take(self._index[i].flatten())
            return X.unflatten(0, (len(self._rows), -1)), y.unflatten(0, (len(self._rows), -1))
        Xs, ys = zip(*(data.take(of[i]) for data, of in zip(self._data, self._rows, strict=True)), strict=True)
        return torch.stack(Xs), torch.stack(ys)


def _place(X: Tensor) -> tuple[Any, ...]:
    """Equal for two tensors that are the same memory."""
    return X.device, X.data_ptr(), X.shape


def _changes(transform: Any) -> bool:
    data = getattr(transform, "__self__", None)
    return not isinstance(data, TensorDataModule) or overrides(data, TensorDataModule, "transform")
