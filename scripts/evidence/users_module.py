"""A module as a user writes it, with a mistake: its last layer is a softmax, and the loss takes another one."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch.nn.functional as F
from torch import Tensor, nn


class SoftmaxFirst(L.LightningModule):
    def __init__(
        self, num_inputs: int, num_outputs: int, optimizer: Any, depth: int = 1, width: int = 256, **_: Any
    ) -> None:
        super().__init__()
        self.optimizer = optimizer
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs in [num_inputs, *[width] * (depth - 1)]:
            layers += [nn.Linear(inputs, width), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(width, num_outputs), nn.Softmax(dim=1))
        self.activation = "relu"

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        X, y = batch
        loss = F.cross_entropy(self.net(X), y)
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        X, y = batch
        self.log("val/loss", F.cross_entropy(self.net(X), y))

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        X, y = batch
        self.log("test/loss", F.cross_entropy(self.net(X), y))

    def configure_optimizers(self) -> Any:
        return self.optimizer(self.parameters())
