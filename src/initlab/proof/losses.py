"""The losses of a fork, by which it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor


def loss_of(outputs: Any) -> Tensor | None:
    """What `training_step` returned, if there is a loss in it."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    return loss.detach() if isinstance(loss, Tensor) and loss.numel() == 1 else None


class Losses(L.Callback):
    """Of each training step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, *args: Any) -> None:
        loss = loss_of(outputs)
        if loss is not None:
            self.values.append(float(loss))


class Held(L.Callback):
    """Of these batches after the last step; nothing is learned from them."""

    def __init__(self, batches: Sequence[Any]) -> None:
        self.batches = batches
        self.values: list[float] = []

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        last = trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs
        ends = trainer.should_stop or last or trainer.global_step == trainer.max_steps
        if not ends or self.values or not pl_module.automatic_optimization:  # else its step learns
            return
        for held in self.batches:
            held = pl_module.on_before_batch_transfer(held, 0)
            held = pl_module.transfer_batch_to_device(held, pl_module.device, 0)
            loss = loss_of(pl_module.training_step(pl_module.on_after_batch_transfer(held, 0), batch_idx))
            if loss is not None:
                self.values.append(float(loss))
