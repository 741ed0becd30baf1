"""A sweep's table: one row a combination of everything but the seed, the best first."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import fmean, stdev

from initlab.report.run_files import number
from initlab.report.sweep_files import Job, Sweep
from initlab.report.verdict import verdict
from initlab.sweeps.compared_figure import epoch_compared

METRICS = ("test/acc", "val/acc", "val/loss", "train/loss", "test/loss", "train/acc")  # in this order, then the others


@dataclass(frozen=True)
class Spread:
    """Mean and sample std (n - 1) of the n finite figures, nan where there are too few; `broken`: how many are not."""

    mean: float
    std: float
    n: int
    broken: int = 0


@dataclass
class Combination:
    """scores: the figure that is compared, of each run that ended; score: their mean and spread."""

    axes: dict[str, str]
    jobs: list[Job]
    scores: list[float]
    score: Spread
    metrics: dict[str, Spread]
    verdicts: Counter[str]
    findings: Counter[str]


def ranked(sweep: Sweep) -> list[Combination]:
    """Best first by the mean score: those with a score from every run, then those with some, then those with none."""
    groups: dict[tuple[tuple[str, str], ...], list[Job]] = {}
    for job in sweep.jobs:
        groups.setdefault(tuple((axis, job.overrides.get(axis, "")) for axis in sweep.swept), []).append(job)
    epoch = compared_epoch(sweep)
    rows = [_combination(dict(axes), jobs, sweep.monitor, epoch) for axes, jobs in groups.items()]
    sign = -1 if sweep.mode == "max" else 1

    def rank(row: Combination) -> tuple[int, float]:
        return (2, 0.0) if not row.score.n else (int(row.score.n < len(row.jobs)), sign * row.score.mean)

    return sorted(rows, key=rank)


def compared_epoch(sweep: Sweep) -> int | None:
    """As `initlab.sweeps.compared_figure` has it."""
    return epoch_compared(job.run.monitored(sweep.monitor) for job in sweep.jobs if job.run and job.state == "finished")


def spread(values: list[float]) -> Spread:
    finite = [value for value in values if math.isfinite(value)]
    mean = fmean(finite) if finite else math.nan
    return Spread(mean, stdev(finite) if len(finite) > 1 else math.nan, len(finite), len(values) - len(finite))


def _combination(axes: dict[str, str], jobs: list[Job], monitor: str, epoch: int | None) -> Combination:
    ended = [job.run for job in jobs if job.run and job.state == "finished"]
    names = {name for run in ended for name in run.last} - {"lr"}
    order = [name for name in METRICS if name in names] + sorted(names - set(METRICS))
    verdicts = Counter(verdict(job.run).word if job.run else "not begun" for job in jobs)
    found = [dict.fromkeys(str(finding.get("kind", "")) for finding in job.run.findings) for job in jobs if job.run]
    kinds = Counter(kind for of_run in found for kind in of_run)
    scores = [number(run.monitored(monitor).at(epoch)) for run in ended]
    return Combination(
        axes=axes,
        jobs=jobs,
        scores=scores,
        score=spread(scores),
        metrics={name: spread([run.last[name] for run in ended if name in run.last]) for name in order},
        verdicts=verdicts,
        findings=kinds,
    )
