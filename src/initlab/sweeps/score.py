"""Which number of each run a sweep compares.

The lowest of many validation losses is lower the more the loss jumps, so it favours the noisier of two equal settings.
What is compared is the monitored metric when the run ended, an epoch that no run picked by its own luck.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from initlab.runs import Run
from initlab.runs.reader import number

LUCK = ("early_stopping", "max_time", "callback")  # what ends a run, as `Ending.by` has it, by its losses or the clock


def epoch_compared(runs: Iterable[Run], monitor: str) -> int | None:
    """None: each run at its end. Where a run was stopped by its own losses or by the clock, the last epoch that all
    runs have, from 0. Not asked are runs that a sampler pruned, and those that enter no mean: one that diverged at once
    would leave nothing of the others to compare."""
    asked = [run for run in runs if run.ended_by != "pruned" and math.isfinite(score_of(run, monitor, None))]
    if not any(run.ended_by in LUCK for run in asked):
        return None
    common = set.intersection(*({*run.curves.get(monitor, {})} for run in asked))
    return max(common, default=None)


def score_of(run: Run, monitor: str, epoch: int | None) -> float:
    """The monitored metric of a run that ended well: at its end (`epoch` None, or an epoch that the run has not), or
    after that epoch; nan for null and where there is none. One that is not finite at the end stays so."""
    summary, curve = run.summary or {}, {} if epoch is None else run.curves.get(monitor, {})
    metrics = summary.get("metrics")
    known = metrics if isinstance(metrics, dict) else {}
    own = summary.get("score") if summary.get("monitor", monitor) == monitor else None
    end = number(known.get(monitor, own))
    return curve[epoch] if epoch in curve and math.isfinite(end) else end


def best_of(run: Run, monitor: str, mode: str) -> float | None:
    """The monitored metric of a run that ended well at its best epoch; None for one that chose that epoch by another
    metric or by the other end of it."""
    summary = run.summary or {}
    same = summary.get("monitor", monitor) == monitor and run.settings.get("mode", mode) == mode
    return number(summary.get("score")) if same else None


def score_words(monitor: str, epoch: int | None) -> str:
    return f"{monitor} at the end" if epoch is None else f"{monitor} after epoch {epoch + 1}"
