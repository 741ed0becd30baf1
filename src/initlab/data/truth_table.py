"""A few rows written down in the config: XOR, AND, a neuron's four examples."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from initlab.checks.rules import check
from initlab.data.batches import Batches
from initlab.data.module import Splits, TensorDataModule
from initlab.errors import UserError


class TruthTable(TensorDataModule):
    """The whole table is every batch, of training, validation and test: X float32 [rows, num_inputs], y float32
    [rows, num_outputs].

    `ask` is a further row that the models answer, if they can (`model=neuron`); it is not trained on.
    """

    task = "regression"

    def __init__(
        self,
        *,
        inputs: Sequence[Sequence[float]],
        outputs: Sequence[float] | Sequence[Sequence[float]],
        ask: Sequence[float] | None = None,
        steps_per_epoch: int = 100,
    ) -> None:
        """
        outputs: one number a row, or a list of them.
        steps_per_epoch: an epoch is so many steps, each on the whole table; what ends an epoch (validation, a row of
            metrics, a checkpoint) takes as long as some ten of them.
        """
        for key in ("inputs", "outputs", "ask", "steps_per_epoch"):
            check(f"data.{key}", locals()[key])
        super().__init__(batch_size=len(inputs), seed=0)
        lists = [list(row) if isinstance(row, Sequence) else [row] for row in outputs]
        self._X, self._y = _table("inputs", inputs), _table("outputs", lists)
        if len(self._X) != len(self._y):
            raise UserError(f"data.outputs: {len(self._y)} of them, but {len(self._X)} rows in data.inputs")
        self.num_inputs, self.num_outputs = self._X.shape[1], self._y.shape[1]
        self.steps_per_epoch = steps_per_epoch
        if ask is not None and len(ask) != self.num_inputs:
            raise UserError(f"data.ask={list(ask)}: {len(ask)} numbers, but a row of data.inputs has {self.num_inputs}")
        self.ask = None if ask is None else torch.tensor([list(map(float, ask))], dtype=torch.float32)

    def make_splits(self) -> Splits:
        return Splits(*[(self._X, self._y)] * 3)

    def same_rows(self) -> Hashable:
        return repr((self._X.tolist(), self._y.tolist(), self.steps_per_epoch))

    def train_batches(self) -> Batches:
        process, num_processes = self._process
        train = self.splits.train
        X, y = self.made_once(
            f"of an epoch, {train[0].device}", lambda: tuple(part.repeat(self.steps_per_epoch, 1) for part in train)
        )
        return Batches(X, y, self.batch_size, None, self.transform, process, num_processes)


def _table(key: str, rows: Sequence[Sequence[float]]) -> Tensor:
    """float32 [rows, ...]; every row as long as the first."""
    for place, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise UserError(f"data.{key}: row {place} has {len(row)} numbers, row 1 has {len(rows[0])}")
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float32)
