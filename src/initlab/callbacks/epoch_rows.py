"""What was logged during an epoch, by any callback at any time, as one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

Row = dict[str, float]


class EpochLogger(Logger):
    """A logger that keeps a row an epoch: under each name the last number logged since the epoch before ended.

    `EpochRows` says when an epoch ends. What comes later and names that epoch is put into its row; what comes after the
    fit, the figures of a test, is in none: summary.json has them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.open: Row = {}  # of the epoch that runs
        self._ended = -1  # the epoch that ended last
        self._closed = False

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: they are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        if self._closed:
            return
        numbers = numbers_of(metrics)
        if metrics.get("epoch") == self._ended:
            self.amend(numbers)
        else:
            self.open |= numbers

    @rank_zero_only
    def end_epoch(self, epoch: int, step: int, more: Row) -> None:
        """`more`: numbers that are about to be logged."""
        row, self.open, self._ended = more | self.open, {}, epoch
        self.add({"epoch": epoch, "step": step} | row)

    @rank_zero_only
    def end_fit(self) -> None:
        if self.open and self._ended >= 0:
            self.amend(self.open)
        self.open, self._closed = {}, True

    def add(self, row: Row) -> None:
        """Take the row of an epoch that has ended: epoch, step (updates so far), and the numbers by name."""
        raise NotImplementedError

    def amend(self, numbers: Row) -> None:
        """Put numbers that came late into the last row."""

    def state_dict(self) -> dict[str, Any]:
        return {"open": dict(self.open), "ended": self._ended}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.open, self._ended = dict(state["open"]), state["ended"]


class EpochRows(Checkpoint):
    """Ends the row of each `EpochLogger` at the end of the epoch, before a checkpoint is made there.

    Lightning itself logs what `self.log` gathered over the epoch only after that, so it is taken from
    `trainer.logged_metrics`. A run that resumes from that checkpoint logs it to the other loggers again, which had it
    after the checkpoint. A `Checkpoint`, as Lightning calls these after all other callbacks, in the order given: it
    must come before those that save.
    """

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}  # logged in earlier epochs
        self._late: Row = {}
        self._to_repeat: tuple[Row, int] | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._before = dict(trainer.logged_metrics)
        if self._to_repeat is not None:
            metrics, step = self._to_repeat
            for logger in trainer.loggers:
                if not isinstance(logger, EpochLogger):
                    logger.log_metrics(metrics, step=step)
            self._to_repeat = None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._before, self._late = dict(trainer.logged_metrics), {}

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        logged, again = dict(trainer.logged_metrics), dict(trainer.logged_metrics)
        # Each look computes again what the epoch has gathered, and that is what Lightning logs in a moment.
        self._late = numbers_of({name: value for name, value in again.items() if value is not logged[name]})
        new = numbers_of({name: value for name, value in again.items() if value is not self._before.get(name)})
        for logger in trainer.loggers:
            if isinstance(logger, EpochLogger):
                logger.end_epoch(trainer.current_epoch, trainer.global_step, new)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._late = {}
        for logger in trainer.loggers:
            if isinstance(logger, EpochLogger):
                logger.end_fit()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        rows = {logger.name: logger.state_dict() for logger in trainer.loggers if isinstance(logger, EpochLogger)}
        checkpoint["epochs"] = {"rows": rows, "late": self._late, "epoch": trainer.current_epoch}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != "fit" or "epochs" not in checkpoint:
            return
        epochs = checkpoint["epochs"]
        for logger in trainer.loggers:
            if isinstance(logger, EpochLogger) and logger.name in epochs["rows"]:
                logger.load_state_dict(epochs["rows"][logger.name])
        if epochs["late"]:
            stepped = checkpoint["loops"]["fit_loop"]["epoch_loop.state_dict"]["_batches_that_stepped"]
            self._to_repeat = epochs["late"] | {"epoch": epochs["epoch"]}, stepped - 1


def numbers_of(metrics: Mapping[str, Any]) -> Row:
    """As Python numbers, without the epoch and the step; what is no single number is left out."""
    found = {}
    for name, value in metrics.items():
        try:
            number = value.item() if hasattr(value, "item") else value
        except (ValueError, RuntimeError):  # of several elements
            continue
        if name not in ("epoch", "step") and isinstance(number, (int, float)):
            found[name] = int(number) if isinstance(number, bool) else number
    return found
