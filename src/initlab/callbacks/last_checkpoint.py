"""The checkpoint that a run resumes from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import TensorBoardLogger

from initlab.checks.rules import check
from initlab.runs.growing_files import lengths
from initlab.runs.set_aside import set_aside
from initlab.training import own_clock


class LastCheckpoint(Checkpoint):
    """Write `<dirpath>/last.ckpt` after every n-th update, at the end of each epoch and at the end of the fit.

    Not again within `min_seconds`, but for the fit's end and for Ctrl-C: a save waits for the disk, longer than a small
    epoch takes to train, and what a kill loses is little.

    A run that resumes from it ends with the same bits as one that was never stopped. For that it is made only where
    nothing is half done: after an update, and not between the last batch of an epoch (or one that a validation
    follows) and the epoch's end; the last epoch's end counts as done when everybody else has done his part of it.
    It holds the lengths of the run's growing files: `cut_back` removes what came later. Before an end in the middle of
    an epoch the checkpoints are set aside, to train further from there.

    Args:
        every_n_steps: updates; a save that falls on a batch as above is made after the next one.
        min_seconds: from the beginning, or the save before.
    """

    def __init__(self, dirpath: str | Path, every_n_steps: int, min_seconds: float = 1.0) -> None:
        check("callbacks.last.every_n_steps", every_n_steps)
        check("callbacks.last.min_seconds", min_seconds)
        self.path = Path(dirpath) / "last.ckpt"
        self.every_n_steps, self.min_seconds = every_n_steps, min_seconds
        self.saved_at = -1  # the step
        self._due = False
        self._earlier = 0.0  # seconds, of parts of the run before this process
        self._began = own_clock()
        self._saved = time.monotonic()  # not the own clock: others that train at the same time are killed with it

    def looks_at(self, step: int) -> bool:
        return (step + 1) % self.every_n_steps == 0

    def save(self, trainer: L.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self.saved_at, self._due, self._saved = trainer.global_step, False, time.monotonic()

    def _too_soon(self, trainer: L.Trainer) -> bool:
        """In all processes of the run or in none, as they save together."""
        soon = time.monotonic() - self._saved < self.min_seconds
        return trainer.strategy.reduce_boolean_decision(soon, all=True) if trainer.world_size > 1 else soon

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if step == self._step:  # no update: gradients are being accumulated
            return
        self._due |= step // self.every_n_steps > self._step // self.every_n_steps
        if is_stopping(trainer):  # what is left to be done is the epoch's end, which is done once
            if trainer.is_global_zero:
                set_aside(self.path.parent)
            return
        if self._due and between_updates(trainer, batch_idx) and not self._too_soon(trainer):
            self.save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not is_last_epoch(trainer) and not self._too_soon(trainer):
            self.save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.save(trainer)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if not trainer.is_global_zero:
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.flush()
        checkpoint["run"] = {
            "lengths": lengths(trainer.default_root_dir),
            "seconds": self._earlier + own_clock() - self._began,
            "stopped": bool(trainer.should_stop),  # and all is done
        }

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == "fit" and "run" in checkpoint:
            self._earlier = checkpoint["run"]["seconds"]


def between_updates(trainer: L.Trainer, batch_idx: int) -> bool:
    """Whether after this batch, at whose end an update was made, the next batch follows at once."""
    if batch_idx + 1 >= trainer.num_training_batches or trainer.is_last_batch:
        return False
    within_epoch = trainer.check_val_every_n_epoch is not None
    seen = batch_idx + 1 if within_epoch else trainer.fit_loop.total_batch_idx + 1
    return not (trainer.enable_validation and seen % trainer.val_check_batch == 0)


def is_last_epoch(trainer: L.Trainer) -> bool:
    """Whether the fit ends after this epoch."""
    epochs = trainer.max_epochs
    enough = (trainer.min_epochs or 0) <= trainer.current_epoch + 1
    return is_stopping(trainer, enough) or (epochs is not None and 0 <= epochs <= trainer.current_epoch + 1)


def is_stopping(trainer: L.Trainer, enough_epochs: bool | None = None) -> bool:
    """Whether the fit ends after this update, before max_epochs; `enough_epochs`: as many as min_epochs have ended."""
    if 0 <= trainer.max_steps <= trainer.global_step:
        return True
    if enough_epochs is None:
        enough_epochs = (trainer.min_epochs or 0) <= trainer.current_epoch
    return trainer.should_stop and enough_epochs and (trainer.min_steps or 0) <= trainer.global_step
