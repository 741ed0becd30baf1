"""The bar in the terminal while an epoch runs."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar as LightningProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from initlab.console import CONSOLE
from initlab.training import batches_of, current_meeting

REFRESH_EVERY = 16  # batches; a refresh takes about a millisecond


class ProgressBar(LightningProgressBar):
    """A bar for the epoch that runs, gone when it is done: what stays is the line of figures from `EpochLines`.

    Nothing is drawn where the output is not a terminal.
    """

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._task: TaskID
        self._shown = 0  # batches of this epoch

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not CONSOLE.is_terminal or not trainer.is_global_zero or current_meeting():  # a population has one for all
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=CONSOLE, transient=True)
        self._task = self._progress.add_task("")
        self._progress.start()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._shown = 0
        if self._progress:
            description = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            self._progress.reset(self._task, total=self._num_batches(trainer), description=description)

    def looks_at(self, step: int) -> bool:
        return False  # each stretch is enough

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._progress is None:
            return
        done = getattr(batches_of(trainer), "done", None) or batch_idx + 1
        if done - self._shown >= REFRESH_EVERY or trainer.is_last_batch:
            self._progress.update(self._task, completed=done)
            self._shown = done

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._stop()

    def disable(self) -> None:
        """Lightning asks all processes but the first; only the first draws anyway."""

    def _num_batches(self, trainer: L.Trainer) -> int | float:
        batches = batches_of(trainer)
        return self.total_train_batches if batches is trainer.train_dataloader else len(batches)

    def _stop(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None
