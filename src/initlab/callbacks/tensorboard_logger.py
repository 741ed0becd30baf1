"""TensorBoard without the charts that stand before the loss and say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

from initlab.checks.rule import Rule, check_value, is_number, whole

DAY = 86_400  # seconds


class LossFirst(TensorBoardLogger):
    """Lightning's logger, but its page opens on the losses: TensorBoard unfolds the first two groups by name, which are
    then `train` and `val`. Without `epoch`, which only counts.

    The arguments from `max_queue` on are those of `torch.utils.tensorboard.SummaryWriter`, whose writing thread would
    fail with a traceback of its own.
    """

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        log_graph: bool = False,
        default_hp_metric: bool = True,
        prefix: str = "",
        sub_dir: str | Path | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
        purge_step: int | None = None,
        **more: Any,
    ) -> None:
        check_value("logger.tensorboard.max_queue", max_queue, whole(1))
        seconds = Rule(lambda v: is_number(v) and 0 < v <= DAY, f"a number of seconds above 0 and at most {DAY:,}")
        check_value("logger.tensorboard.flush_secs", flush_secs, seconds)
        more |= {"max_queue": max_queue, "flush_secs": flush_secs, "filename_suffix": filename_suffix}
        super().__init__(
            save_dir, name, version, log_graph, default_hp_metric, prefix, sub_dir, purge_step=purge_step, **more
        )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        named: dict[str, Any] = {name_of_chart(name): v for name, v in metrics.items() if name != "epoch"}
        super().log_metrics(named, step)


def name_of_chart(metric: str) -> str:
    """`lr` is among the charts of training; those of the test, a point each, come after the validation's."""
    if metric == "lr":
        return "train/lr"
    return f"whole {metric}" if metric.startswith("test/") else metric
