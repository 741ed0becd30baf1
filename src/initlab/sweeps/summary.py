"""What the runs of a sweep left, as a row for each setting: mean and spread over its seeds, best first."""

from __future__ import annotations

import csv
import json
import math
import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from initlab.sweeps.compare import Difference, paired_difference
from initlab.sweeps.compared_figure import Monitored, epoch_compared, monitored
from initlab.sweeps.folder import SEEDS, Job, SweepFolder


@dataclass
class Figure:
    """One number of several runs: `values` by seed; a loss that is no number is not among them, but counted."""

    values: dict[str, float] = field(default_factory=dict)
    nan: int = 0

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values.values()) if self.n else math.nan

    @property
    def std(self) -> float:
        """Of the sample, with n - 1; nan for one value."""
        return statistics.stdev(self.values.values()) if self.n > 1 else math.nan

    def add(self, seed: str, value: float | None) -> None:
        if value is None or not math.isfinite(value):
            self.nan += 1
        else:
            self.values[seed] = value


@dataclass
class Row:
    """A setting: all its runs, which differ in their seeds only.

    score: the figure that is compared; best: of the run's best epoch; identical: runs whose seed changed nothing, which
    are the same run again and not counted in any figure.
    """

    setting: dict[str, str]
    score: Figure = field(default_factory=Figure)
    best: Figure = field(default_factory=Figure)
    metrics: dict[str, Figure] = field(default_factory=dict)
    seconds: Figure = field(default_factory=Figure)
    findings: Counter[str] = field(default_factory=Counter)
    forecasts: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    pruned: int = 0
    unfinished: int = 0
    identical: int = 0
    to_best: Difference | None = None

    @property
    def name(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.setting.items()) or "this setting"

    @property
    def lost(self) -> int:
        """Runs without a score to average."""
        return self.failed + self.unfinished + self.score.nan


@dataclass
class Summary:
    """The rows, best first: those with a score from every run, then those with some, then those with none.

    epoch: at which they are compared; None: at the end of each run.
    """

    rows: list[Row]
    axes: list[str]
    monitor: str
    mode: str
    epoch: int | None = None

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row.metrics))


def summarize(sweep: SweepFolder) -> Summary:
    """Read what the runs of a sweep left."""
    axes = [key for key in sweep.about["axes"] if key not in SEEDS]
    monitor, mode = sweep.about["monitor"], sweep.about["mode"]
    done = {job.num: summary for job in sweep.jobs if (summary := _summary(sweep, job)) is not None}
    of_run = {job.num: _monitored(sweep, job, done[job.num], monitor) for job in sweep.jobs if job.num in done}
    epoch = epoch_compared(of_run.values())
    rows: dict[tuple[str, ...], Row] = {}
    seen: dict[tuple[str, ...], set[str]] = {}
    for job in sweep.jobs:
        setting = {key: job.overrides[key] for key in axes}
        row = rows.setdefault(tuple(setting.values()), Row(setting))
        state = sweep.state(job)
        row.failed += state == "failed"
        row.unfinished += state in ("begun", "waiting")
        if job.num in done:
            course = _course(sweep, job, done[job.num])
            if course in seen.setdefault(tuple(setting.values()), set()):
                row.identical += 1
                continue
            seen[tuple(setting.values())] |= {course} - {""}
            row.score.add(_seed(job), of_run[job.num].at(epoch))
            _add(row, sweep, job, done[job.num])
    ranked = sorted(rows.values(), key=lambda row: _rank(row, mode))
    best = ranked[0]
    for row in ranked[1:]:
        if not (row.score.nan or best.score.nan or row.pruned or best.pruned):
            row.to_best = paired_difference(row.score.values, best.score.values, len(ranked))
    return Summary(ranked, axes, monitor, mode, epoch)


def _summary(sweep: SweepFolder, job: Job) -> dict[str, Any] | None:
    found = sweep.content(job, "summary.json") if sweep.state(job) == "done" else None
    return found if isinstance(found, dict) else None


def _seed(job: Job) -> str:
    return " ".join(job.overrides.get(key, "") for key in SEEDS)


def _monitored(sweep: SweepFolder, job: Job, summary: dict[str, Any], monitor: str) -> Monitored:
    curve: dict[int, float] = {}
    try:
        with open(sweep.path / job.folder / "metrics.csv", newline="") as file:
            curve = {int(line["epoch"]): float(line[monitor]) for line in csv.DictReader(file) if line[monitor]}
    except (OSError, ValueError, TypeError, KeyError, csv.Error):
        pass  # a run without it is compared at its end
    return monitored(summary, monitor, curve)


def _course(sweep: SweepFolder, job: Job, summary: dict[str, Any]) -> str:
    """All that the run measured, by which two runs are one; nothing where it kept no row of an epoch, or diverged."""
    score, metrics = summary.get("score"), summary.get("metrics", {})
    try:
        rows = (sweep.path / job.folder / "metrics.csv").read_text()
    except (OSError, ValueError):
        return ""
    known = score is not None and len(rows.splitlines()) > 1
    return f"{rows}{json.dumps([score, metrics], sort_keys=True)}" if known else ""


def _add(row: Row, sweep: SweepFolder, job: Job, summary: dict[str, Any]) -> None:
    """What one run ended with."""
    seed = _seed(job)
    row.best.add(seed, summary.get("score"))
    row.seconds.add(seed, summary.get("seconds"))
    row.pruned += (sweep.path / job.folder / "pruned.json").exists()
    for name, value in summary.get("metrics", {}).items():
        row.metrics.setdefault(name, Figure()).add(seed, value)
    row.findings.update({finding["kind"] for finding in sweep.content(job, "findings.json") or []})
    verdict = (sweep.content(job, "forecast.json") or {}).get("verdict")
    if verdict:
        row.forecasts[str(verdict)] += 1


def _rank(row: Row, mode: str) -> tuple[int, float]:
    sign = -1 if mode == "max" else 1
    return (2, 0.0) if not row.score.n else (int(row.lost > 0), sign * row.score.mean)
