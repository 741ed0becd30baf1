"""TensorBoard without the charts that stand before the loss and say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

RENAMED = {"lr": "train/lr"}


class LossFirst(TensorBoardLogger):
    """Lightning's logger with `lr` among the charts of training, and without `epoch`, which only counts: TensorBoard
    unfolds the first two groups by name, which are then test and train."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        named: dict[str, Any] = {RENAMED.get(name, name): v for name, v in metrics.items() if name != "epoch"}
        super().log_metrics(named, step)
