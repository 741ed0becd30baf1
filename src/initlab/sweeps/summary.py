"""What the runs of a sweep left, as a row for each setting: mean and spread over its seeds, best first.

The table in the terminal, sweep.csv and the page are views of it.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from initlab.errors import UserError
from initlab.numbers import told_apart
from initlab.runs import Run
from initlab.runs.outcome import outcome
from initlab.runs.reader import number
from initlab.sweeps.compare import Difference, paired_difference
from initlab.sweeps.from_configs import run_folders, what_differs
from initlab.sweeps.record import NAME, SEEDS, Job, read_record
from initlab.sweeps.score import best_of, epoch_compared, score_of, score_words

UNPLANNED = "There is no sweep.json to read: what was swept is taken from what differs between the configs."


@dataclass
class Spread:
    """One number of several runs: `values` by seed; one that is not finite is not among them, but counted."""

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

    def quantile(self, share: float) -> float:
        """Interpolated between the two values next to it; nan where there is none."""
        return float(np.quantile(list(self.values.values()), share)) if self.n else math.nan

    def add(self, seed: str, value: float) -> None:
        if math.isfinite(value):
            self.values[seed] = value
        else:
            self.nan += 1


class Member(NamedTuple):
    """A job, what it left, and the seeds that it had; runs of one setting with the same seeds count once."""

    job: Job
    run: Run
    seed: str


@dataclass
class Row:
    """A setting: all its runs, which differ in their seeds only.

    shown: the setting as a person reads it, see `told_apart`; score: the number that is compared; best: of the run's
    best epoch; repeats: runs whose seed changed nothing, which are the same run again and not counted in any number.
    """

    setting: dict[str, str]
    shown: dict[str, str]
    members: list[Member] = field(default_factory=list)
    score: Spread = field(default_factory=Spread)
    best: Spread = field(default_factory=Spread)
    metrics: dict[str, Spread] = field(default_factory=dict)
    seconds: Spread = field(default_factory=Spread)
    findings: Counter[str] = field(default_factory=Counter)
    forecasts: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    pruned: int = 0
    unfinished: int = 0
    repeats: list[Member] = field(default_factory=list)
    to_best: Difference | None = None
    _courses: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.shown.items()) or "this setting"

    @property
    def identical(self) -> int:
        return len(self.repeats)

    @property
    def lost(self) -> int:
        """Runs without a score to average."""
        return self.failed + self.unfinished + self.score.nan

    @property
    def counted(self) -> str:
        """`3 (1 pruned), 1 nan, 2 failed`: those in the means, of which some were pruned, and the others."""
        more = [(self.score.nan, "nan"), (self.failed, "failed"), (self.unfinished, "unfinished")]
        more += [(self.identical, "identical")]
        counted = f"{self.score.n}" + (f" ({self.pruned} pruned)" if self.pruned else "")
        return ", ".join([counted, *(f"{count} {what}" for count, what in more if count)])

    @cached_property
    def outcomes(self) -> Counter[str]:
        """How many runs trained, were flat, diverged, ...: words of `initlab.runs.outcome.Outcome`."""
        return Counter(outcome(member.run).word for member in self.members)

    @cached_property
    def trained(self) -> tuple[int, int]:
        """How many runs trained, of how many of which it can be told; runs that are the same run are one. One that was
        ended as it diverged is told, one that failed otherwise is not. Those of a few updates whose loss has not fallen
        count where that of others has, or the share would be of these alone."""
        ends = self.outcomes - Counter(outcome(member.run).word for member in self.repeats)
        told = ("trained", "flat", "diverged", *(["unknown"] if ends["trained"] else []))
        return ends["trained"], sum(ends[word] for word in told)

    def add(self, member: Member, score: float, best: float | None = None) -> None:
        """`score`, `best`: of a run that ended well; None: that run has no such best epoch."""
        _, run, seed = member
        self.members.append(member)
        self.findings.update([*dict.fromkeys(str(found.get("kind", "")) for found in run.findings)])
        self.failed += run.state == "failed"
        self.unfinished += run.state in ("unfinished", "not begun")
        if (course := course_of(run)) in self._courses:
            self.repeats.append(member)
            return
        self._courses |= {course} - {""}
        if verdict := run.forecast.get("verdict"):
            self.forecasts[str(verdict)] += 1
        if run.summary is None:
            return
        self.score.add(seed, score)
        if best is not None:
            self.best.add(seed, best)
        self.seconds.add(seed, number(run.summary.get("seconds")))
        self.pruned += run.pruned
        for name, value in run.last.items():
            self.metrics.setdefault(name, Spread()).add(seed, value)


@dataclass
class Summary:
    """The rows, best first: those with a score from every run, then those with some, then those with none.

    axes:     what was swept, seeds too, with its values in the order in which they were asked for.
    epoch:    at which they are compared; None: at the end of each run.
    troubles: a sentence where the record of the sweep cannot be read.
    """

    folder: Path
    members: list[Member]
    rows: list[Row]
    axes: dict[str, list[str]]
    monitor: str
    mode: str
    epoch: int | None = None
    command: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def swept(self) -> list[str]:
        """The axes without the seeds."""
        return [axis for axis in self.axes if axis not in SEEDS]

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row.metrics))

    @property
    def score_words(self) -> str:
        """What is compared, in words."""
        return score_words(self.monitor, self.epoch)

    @property
    def compared(self) -> bool:
        """Whether of any row a difference to the best is known."""
        return any(row.to_best for row in self.rows)

    def against_best(self) -> tuple[list[Row], list[Row], list[Row]]:
        """The rows that the best one beats; those that beat it on the seeds they share, as of seeds that not all rows
        share the best mean may be the worse one; those that these seeds do not tell from it."""
        beaten: list[Row] = []
        winners: list[Row] = []
        undecided: list[Row] = []
        for row in self.rows:
            if it := row.to_best:
                worse = (it.mean > 0) == (self.mode == "min")
                (undecided if not it.decided else beaten if worse else winners).append(row)
        return beaten, winners, undecided

    @property
    def decided(self) -> bool:
        """Whether the first row is better than every other, by what its seeds allow to say."""
        beaten, _, _ = self.against_best()
        return 0 < len(beaten) == len(self.rows) - 1

    def wins(self, row: Row) -> str:
        """`lower in 4 of 6 seeds`: how often the best row was better than this one."""
        assert row.to_best
        word, times = ("lower", row.to_best.higher) if self.mode == "min" else ("higher", row.to_best.lower)
        return f"{word} in {times} of {row.to_best.n} seeds"


def is_sweep(folder: Path) -> bool:
    return (folder / NAME).is_file() or bool(run_folders(folder))


def summarize(folder: Path, runs: Sequence[Path] = ()) -> Summary:
    """Read what the runs of a sweep left, whatever is missing or broken; of `runs` alone, where some are named."""
    about, members, troubles = ({}, _found(runs), []) if runs else _jobs(folder)
    axes: dict[str, list[str]] = {key: [] for key in about.get("axes", {})}  # Optuna's are ranges there, no values
    for job, *_ in members:
        for key, value in job.overrides.items():
            if value not in axes.setdefault(key, []):
                axes[key].append(value)
    for values in axes.values():
        if all(map(_is_number, values)):
            values.sort(key=float)
    some = next((run for _, run, _ in members if run.settings), None)
    ended, settings = (some.summary or {}, some.settings) if some else ({}, {})
    monitor = str(about.get("monitor") or ended.get("monitor") or settings.get("monitor") or "val/loss")
    mode = about.get("mode") or settings.get("mode")
    if mode not in ("min", "max"):
        mode = "max" if monitor.endswith("acc") else "min"
    command = about.get("command") or (some.environment.get("command") if some else None) or []
    words = [str(word) for word in command] if isinstance(command, list) else str(command).split()
    rows, epoch = _rows(members, [axis for axis in axes if axis not in SEEDS], monitor, mode)
    return Summary(folder, members, rows, axes, monitor, mode, epoch, words, troubles)


def course_of(run: Run) -> str:
    """All that the run measured, by which two runs are one; "" where it kept no row of an epoch, or diverged."""
    summary = run.summary or {}
    known = summary.get("score") is not None and bool(run.curves)
    return json.dumps([run.curves, summary["score"], summary.get("metrics")], sort_keys=True) if known else ""


def _jobs(folder: Path) -> tuple[dict[str, Any], list[Member], list[str]]:
    """What sweep.json says, the jobs, and why it was not to be read."""
    try:
        about, jobs = read_record(folder)
        troubles = []
    except UserError:
        about, jobs, troubles = {}, [], [UNPLANNED]
    if jobs:
        return about, [Member(job, Run.lenient(folder / job.folder), _seed(job)) for job in jobs], troubles
    return about, _found(run_folders(folder)), troubles


def _found(folders: Sequence[Path]) -> list[Member]:
    """Runs without a record of what sets them apart."""
    runs = [Run.lenient(path) for path in folders]
    seen: Counter[str] = Counter()
    members = []
    for num, (run, apart) in enumerate(zip(runs, what_differs([run.settings for run in runs]), strict=True)):
        job = Job(num, run.path.name, apart)
        repeated = seen[name := str(apart)]  # they may differ by a key that others lack
        seen[name] += 1
        members.append(Member(job, run, f"{_seed(job)} {repeated or ''}"))
    return members


def _seed(job: Job) -> str:
    return " ".join(job.overrides.get(key, "") for key in SEEDS)


def _rows(members: Sequence[Member], axes: Sequence[str], monitor: str, mode: str) -> tuple[list[Row], int | None]:
    """Best first, and the epoch at which they are compared."""
    epoch = epoch_compared((run for _, run, _ in members if run.finished), monitor)
    settings = [{axis: member.job.overrides.get(axis, "") for axis in axes} for member in members]
    columns = {axis: [setting[axis] for setting in settings] for axis in axes}
    words = {axis: dict(zip(column, told_apart(column), strict=True)) for axis, column in columns.items()}
    rows: dict[tuple[str, ...], Row] = {}
    for member, setting in zip(members, settings, strict=True):
        shown = {axis: words[axis][value] for axis, value in setting.items()}
        row = rows.setdefault(tuple(setting.values()), Row(setting, shown))
        row.add(member, score_of(member.run, monitor, epoch), best_of(member.run, monitor, mode))
    sign = -1 if mode == "max" else 1

    def rank(row: Row) -> tuple[int, float]:
        return (2, 0.0) if not row.score.n else (int(row.lost > 0), sign * row.score.mean)

    ranked = sorted(rows.values(), key=rank)
    for row in ranked[1:]:
        best = ranked[0]
        if not (row.score.nan or best.score.nan or row.pruned or best.pruned):
            row.to_best = paired_difference(row.score.values, best.score.values, len(ranked))
    return ranked, epoch


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
