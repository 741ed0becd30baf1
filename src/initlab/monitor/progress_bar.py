"""The bar in the terminal while an epoch runs."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar as LightningProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from initlab.console import CONSOLE

REFRESH_EVERY = 20  # batches; a refresh takes about a millisecond


class ProgressBar(LightningProgressBar):
    """A bar for the epoch that runs, gone when it is done: what stays is the line of figures from `EpochLines`.

    Nothing is drawn where the output is not a terminal.
    """

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._task: TaskID

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not CONSOLE.is_terminal or not trainer.is_global_zero:
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=CONSOLE, transient=True)
        self._task = self._progress.add_task("")
        self._progress.start()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._progress:
            description = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            self._progress.reset(self._task, total=self.total_train_batches, description=description)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = batch_idx + 1
        if self._progress and (done % REFRESH_EVERY == 0 or done == self.total_train_batches):
            self._progress.update(self._task, completed=done)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._stop()

    def disable(self) -> None:
        """Lightning asks all processes but the first; only the first draws anyway."""

    def _stop(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None
