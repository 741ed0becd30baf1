"""The terminal's table of epochs, a line at a time."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from initlab.console import CONSOLE


class EpochLines(Logger):
    """Print each epoch's metrics as a line under a heading: train and val side by side, as many as fit."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: list[str] = []
        self._last = time.perf_counter()

    @property
    def name(self) -> str:
        return "terminal"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: they are in the heading of the run."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if "epoch" not in metrics:  # of the test, which the closing table shows
            return
        if not self._columns:
            self._columns = self._fitting(metrics)
            heading = "  ".join(f"{name:>{self._width(name)}}" for name in ("epoch", *self._columns, "seconds"))
            CONSOLE.print(heading, style="bold", highlight=False)
        now = time.perf_counter()
        cells = [f"{int(metrics['epoch']) + 1:>5}"]
        cells += [f"{metrics.get(name, float('nan')):>{self._width(name)}.4f}" for name in self._columns]
        cells.append(f"{now - self._last:>7.1f}")
        self._last = now
        CONSOLE.print("  ".join(cells), highlight=False)

    def _fitting(self, metrics: dict[str, float]) -> list[str]:
        """Train, then val, then the others, while the line has room."""
        kinds = ("train/", "val/", "error/")
        names = [name for kind in kinds for name in metrics if name.startswith(kind)]
        room = CONSOLE.width - len("epoch  seconds")
        fitting = []
        for name in names:
            room -= self._width(name) + 2
            if room >= 0:
                fitting.append(name)
        return fitting

    @staticmethod
    def _width(name: str) -> int:
        return max(len(name), 7)
