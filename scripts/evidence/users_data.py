"""A data module as a user writes it, with a mistake: its rows are sorted by class and nothing shuffles them."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

ROWS, COLUMNS, CLASSES = 16_000, 8, 4


class Sorted(L.LightningDataModule):
    task, num_inputs, num_outputs = "classification", COLUMNS, CLASSES

    def __init__(self, batch_size: int, rows: int = ROWS, **_: Any) -> None:
        super().__init__()
        self.batch_size = batch_size
        draw = torch.Generator().manual_seed(0)
        y = torch.randint(CLASSES, (rows,), generator=draw)
        X = 1.5 * torch.randn(CLASSES, COLUMNS, generator=draw)[y] + torch.randn(rows, COLUMNS, generator=draw)
        held, order = rows // 5, y[rows // 5 :].argsort(stable=True)
        self.held = TensorDataset(X[:held], y[:held])
        self.rows = TensorDataset(X[held:][order], y[held:][order])

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.rows, self.batch_size)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.held, self.batch_size)

    def test_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.held, self.batch_size)
