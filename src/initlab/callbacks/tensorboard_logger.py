"""TensorBoard without the charts that stand before the loss and say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger


class LossFirst(TensorBoardLogger):
    """Lightning's logger, but its page opens on the losses: TensorBoard unfolds the first two groups by name, which are
    then `train` and `val`. Without `epoch`, which only counts."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        named: dict[str, Any] = {name_of_chart(name): v for name, v in metrics.items() if name != "epoch"}
        super().log_metrics(named, step)


def name_of_chart(metric: str) -> str:
    """`lr` is among the charts of training; those of the test, a point each, come after the validation's."""
    if metric == "lr":
        return "train/lr"
    return f"whole {metric}" if metric.startswith("test/") else metric
