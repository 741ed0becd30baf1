"""The monitor's rows in any logger, by Lightning's own `log_metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import lightning as L

from initlab.callbacks.epoch_rows import EpochLogger
from initlab.monitor.guard import Guard
from initlab.monitor.observer import Observer, Recording, Row
from initlab.monitor.rows_out import GROUPS, tensorboard_kinds

EVERY = 100  # steps; each sampled step before the first hundred is logged, then at most one of a hundred
MOST = 1000  # metrics in a call: MLflow takes no more


def loggers_for_rows(trainer: L.Trainer) -> list[Any]:
    """TensorBoard gets every row as an event, and an `EpochLogger` has one row an epoch."""
    return [logger for logger in trainer.loggers if not isinstance(logger, (EpochLogger, *tensorboard_kinds()))]


def metric_of(row: Row) -> str:
    """`activations/<layer>/std`, `gradients/<layer>/grad_std`, `parameters/<name>/update_ratio`; `batch/loss`.

    The second call of a module is `<layer>-2`, as MLflow drops the # of signal.csv, and would take layer 1's for
    those of layer 12.
    """
    if row["quantity"] == "loss":
        return "batch/loss"
    return f"{GROUPS.get(row['quantity'], 'activations')}/{row['layer'].replace('#', '-')}/{row['quantity']}"


class RowsToLoggers(Observer):
    """Values as in signal.csv, in one call a step, at a rate that step numbers alone decide: every step that the
    monitor samples before step 100, then the first that it samples of each hundred.

    A logger that raises is named once, and gets no more of them in this fit.
    """

    def __init__(self, loggers: Sequence[Any]) -> None:
        self._loggers = list(loggers)
        self._guard = Guard()
        self._logged = -1  # the latest step

    def wants(self, monitor: Recording, step: int) -> bool:
        """At once, so that a logger whose steps may not fall gets them in order."""
        return bool(self._loggers) and self._is_due(step)

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None:
        for step, of_step in groupby(rows, key=lambda row: row["step"]):
            if self._is_due(step):
                self._logged = step
                metrics = [(metric_of(row), row["value"]) for row in of_step]
                for logger in list(self._loggers):
                    with self._guard(
                        f"logging the monitor's rows to {type(logger).__name__}",
                        lambda logger=logger: self._loggers.remove(logger),  # type: ignore[misc]
                    ):
                        for start in range(0, len(metrics), MOST):
                            logger.log_metrics(dict(metrics[start : start + MOST]), step=step)

    def state_dict(self) -> dict[str, Any]:
        return {"logged": self._logged}

    def load_state_dict(self, state: dict[str, Any], monitor: Recording) -> None:
        self._logged = state["logged"]

    def _is_due(self, step: int) -> bool:
        return step < EVERY or step // EVERY > self._logged // EVERY
