"""The loss of single batches and the step size, between the epochs' rows."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.loggers import TensorBoardLogger

from initlab.checks.rules import check


class StepCurve(L.Callback):
    """Write `train/loss_step` and `train/lr_step` to TensorBoard at step 0 and every n steps.

    Written straight to the event file: `self.log` in every step would cost 0.8 ms, more than a softmax step itself.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        check("callbacks.step_curve.every_n_steps", every_n_steps)
        self.every_n_steps = every_n_steps

    def looks_at(self, step: int) -> bool:
        return step % self.every_n_steps == 0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._lr = trainer.optimizers[0].param_groups[0]["lr"]  # before a scheduler moves it

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        step = trainer.global_step - 1  # of the update just made
        if not done or step % self.every_n_steps:
            return
        mean = trainer.strategy.reduce(outputs["loss"].detach().clone(), reduce_op="mean")  # over processes
        loss = float(mean) * trainer.accumulate_grad_batches
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_scalar("train/loss_step", loss, step)
                logger.experiment.add_scalar("train/lr_step", self._lr, step)
