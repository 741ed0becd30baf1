"""Which number of each run a sweep compares.

The lowest of many validation losses is lower the more the loss jumps, so it favours the noisier of two equal settings.
What is compared is the monitored metric when the run ended, an epoch that no run picked by its own luck.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LUCK = ("early_stopping", "max_time", "callback")  # what ends a run, as `Ending.by` has it, by its losses or the clock


@dataclass(frozen=True)
class Monitored:
    """The monitored metric of one run: at its end, and by epoch (empty where that was not kept).

    by: what ended the run, as summary.json has it.
    """

    end: float | None
    by: str = ""
    curve: Mapping[int, float] = field(default_factory=dict)

    def at(self, epoch: int | None) -> float | None:
        """`epoch`: None for the end; a run without that epoch is taken at its end."""
        return self.end if epoch is None else self.curve.get(epoch, self.end)


def monitored(summary: Mapping[str, Any], monitor: str, curve: Mapping[int, float]) -> Monitored:
    """Of a run's summary.json; its score where the metric is not among those of the end."""
    ended, metrics = summary.get("ended"), summary.get("metrics")
    known = metrics if isinstance(metrics, dict) else {}
    end = known[monitor] if monitor in known else summary.get("score")
    return Monitored(end, str(ended.get("by", "")) if isinstance(ended, dict) else "", curve)


def epoch_compared(runs: Iterable[Monitored]) -> int | None:
    """None: each run at its end. Where a run was stopped by its own losses or by the clock, the last epoch that all
    runs have, from 0; runs that a sampler pruned are not asked."""
    asked = [run for run in runs if run.by != "pruned"]
    if not any(run.by in LUCK for run in asked):
        return None
    common = set.intersection(*({*run.curve} for run in asked))
    return max(common, default=None)


def words_of(monitor: str, epoch: int | None) -> str:
    return f"{monitor} at the end" if epoch is None else f"{monitor} after epoch {epoch + 1}"
