"""The losses of a fit, by which it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor

from initlab.batch import as_step_takes_it


def loss_of(outputs: Any) -> Tensor | None:
    """What `training_step` returned, if there is a loss in it."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    return loss.detach() if isinstance(loss, Tensor) and loss.numel() == 1 else None


def makes_update(trainer: L.Trainer, batch_idx: int) -> bool:
    """Whether this batch is the last of those whose gradients are accumulated."""
    whole = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    return whole or trainer.is_last_batch or batch_idx + 1 == trainer.num_training_batches


class UpdateLoss:
    """The loss of an update: the mean over the batches whose gradients it accumulates. Lightning gives each divided by
    `accumulate_grad_batches`."""

    def __init__(self) -> None:
        self._batches: list[Tensor] = []

    def of(self, trainer: L.Trainer, outputs: Any, batch_idx: int) -> Tensor | None:
        """After each batch: None until the update is made, or without a loss."""
        loss, parts = loss_of(outputs), trainer.accumulate_grad_batches
        if loss is not None:
            self._batches.append(loss * parts if parts > 1 else loss)
        if not self._batches or not makes_update(trainer, batch_idx):
            return None
        losses, self._batches = self._batches, []
        return losses[0] if len(losses) == 1 else torch.stack([loss.reshape(()) for loss in losses]).mean()


class Losses(L.Callback):
    """Of each update."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._update = UpdateLoss()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, *args: Any
    ) -> None:
        loss = self._update.of(trainer, outputs, batch_idx)
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
            loss = loss_of(pl_module.training_step(as_step_takes_it(trainer, held), batch_idx))
            if loss is not None:
                self.values.append(float(loss))
