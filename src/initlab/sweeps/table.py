"""What a sweep says: a row for each setting, mean and spread over its seeds, best first."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import ROUNDED
from rich.console import Console
from rich.table import Table

from initlab.console import CONSOLE
from initlab.runs.atomic import whole_file
from initlab.sweeps.compare import CONFIDENCE, Difference, paired_difference
from initlab.sweeps.folder import SEEDS, SweepFolder

ROWS = 40  # shown in the terminal
FIRST = ("test/acc", "val/acc", "test/loss", "val/loss")  # shown in the terminal while there is room


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
    """A setting: all its runs, which differ in their seeds only."""

    setting: dict[str, str]
    score: Figure = field(default_factory=Figure)
    metrics: dict[str, Figure] = field(default_factory=dict)
    seconds: Figure = field(default_factory=Figure)
    findings: Counter[str] = field(default_factory=Counter)
    forecasts: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    pruned: int = 0
    unfinished: int = 0
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
    """The rows, best first: those with a score from every run, then those with some, then those with none."""

    rows: list[Row]
    axes: list[str]
    monitor: str
    mode: str

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row.metrics))


def summarize(sweep: SweepFolder) -> Summary:
    """Read what the runs of a sweep left."""
    axes = [key for key in sweep.about["axes"] if key not in SEEDS]
    rows: dict[tuple[str, ...], Row] = {}
    for job in sweep.jobs:
        setting = {key: job.overrides[key] for key in axes}
        row = rows.setdefault(tuple(setting.values()), Row(setting))
        seed = " ".join(job.overrides.get(key, "") for key in SEEDS)
        state = sweep.state(job)
        row.failed += state == "failed"
        row.unfinished += state in ("begun", "waiting")
        summary = sweep.content(job, "summary.json") if state == "done" else None
        if not isinstance(summary, dict):
            continue
        row.score.add(seed, summary.get("score"))
        row.seconds.add(seed, summary.get("seconds"))
        row.pruned += (sweep.path / job.folder / "pruned.json").exists()
        for name, value in summary.get("metrics", {}).items():
            row.metrics.setdefault(name, Figure()).add(seed, value)
        row.findings.update({finding["kind"] for finding in sweep.content(job, "findings.json") or []})
        verdict = (sweep.content(job, "forecast.json") or {}).get("verdict")
        if verdict:
            row.forecasts[str(verdict)] += 1
    mode = sweep.about["mode"]
    ranked = sorted(rows.values(), key=lambda row: _rank(row, mode))
    best = ranked[0]
    for row in ranked[1:]:
        if not row.score.nan and not best.score.nan:
            row.to_best = paired_difference(row.score.values, best.score.values, len(ranked))
    return Summary(ranked, axes, sweep.about["monitor"], mode)


def _rank(row: Row, mode: str) -> tuple[int, float]:
    sign = -1 if mode == "max" else 1
    return (2, 0.0) if not row.score.n else (int(row.lost > 0), sign * row.score.mean)


def write_csv(summary: Summary, path: Path) -> None:
    """All of it, a number a cell."""
    text = io.StringIO()
    metrics = summary.metrics
    forecast = ["forecast"] if any(row.forecasts for row in summary.rows) else []
    table = csv.writer(text)
    table.writerow(
        [*summary.axes, "n", "failed", "unfinished", "pruned", "not_a_number"]
        + [f"{name} {what}" for name in ("score", *metrics, "seconds") for what in ("mean", "std")]
        + ["findings", "kinds", *forecast, "score to best", "low", "high", "pairs"]
    )
    for row in summary.rows:
        cells: list[Any] = [*row.setting.values(), row.score.n, row.failed, row.unfinished, row.pruned, row.score.nan]
        for figure in (row.score, *(row.metrics.get(name, Figure()) for name in metrics), row.seconds):
            cells += ["" if math.isnan(number) else repr(number) for number in (figure.mean, figure.std)]
        cells += [row.findings.total(), _kinds(row.findings), *([_kinds(row.forecasts)] if forecast else [])]
        d = row.to_best
        cells += [repr(d.mean), repr(d.low), repr(d.high), d.n] if d else ["", "", "", ""]
        table.writerow(cells)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


def show(summary: Summary, console: Console = CONSOLE) -> None:
    """The table, as wide as the terminal, and what may be concluded from it."""
    rows = summary.rows[:ROWS]
    fixed: list[tuple[str, list[str], bool]] = [
        (key, [_word(r.setting[key]) for r in rows], False) for key in summary.axes
    ]
    best = "lowest" if summary.mode == "min" else "highest"
    fixed.append((f"{best} {summary.monitor}", [_shown(r.score) for r in rows], True))
    fixed.append(("n", [_runs(r) for r in rows], True))
    if any(row.to_best for row in rows):
        fixed.append(("to the best row", [_interval(r.to_best) for r in rows], True))
    optional = [(name, [_shown(r.metrics.get(name, Figure())) for r in rows], True) for name in _by_interest(summary)]
    tail = [("s", [f"{r.seconds.mean:.1f}" if r.seconds.n else "" for r in rows], True)]
    if any(row.findings for row in rows):
        tail.append(("findings", [str(r.findings.total() or "") for r in rows], True))
    if any(row.forecasts for row in rows):
        tail.append(("forecast", [_kinds(r.forecasts) for r in rows], False))

    def width(column: tuple[str, list[str], bool]) -> int:
        return 3 + max(map(len, (column[0], *column[1])))

    room = console.width - 1 - sum(map(width, (*fixed, *tail)))
    shown = []
    for column in optional:
        if width(column) <= room:
            room -= width(column)
            shown.append(column)
    table = Table(box=ROUNDED)
    columns = [*fixed, *shown, *tail]
    for heading, _, right in columns:
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for cells in zip(*(cells for _, cells, _ in columns), strict=True):
        table.add_row(*cells)
    console.print(table, highlight=False)
    if len(rows) < len(summary.rows):
        console.print(f"... and {len(summary.rows) - len(rows)} more rows in sweep.csv", highlight=False)
    found = [f"finding  {row.name}: {_kinds(row.findings)}" for row in rows if row.findings]
    more = [f"finding  ... {len(found) - 8} more rows, in sweep.csv"] if len(found) > 8 else []
    for sentence in (*found[:8], *more, *conclusions(summary)):
        console.print(sentence, highlight=False, markup=False)


def conclusions(summary: Summary) -> list[str]:
    """What the intervals allow to say, no more."""
    best, *others = summary.rows
    said = []
    if others and best.score.n:
        beaten = [row for row in others if row.to_best and row.to_best.decided]
        open_ = [row for row in others if row.to_best and not row.to_best.decided]
        pairs = len(summary.rows) * (len(summary.rows) - 1) // 2
        how = f"paired over seeds, {CONFIDENCE:.0%} confidence" + (
            f" for all {pairs} pairs of rows together (Bonferroni)" if pairs > 1 else ""
        )
        if beaten:
            said.append(f"{best.name} beats {_list(row.name for row in beaten)}: {how}.")
        if open_:
            why = "." if beaten else f" ({how})."
            said.append(f"{best.name} against {_list(row.name for row in open_)}: not decided by these seeds{why}")
        if all(row.score.n <= 1 for row in summary.rows):
            said.append("One run a row: one seed decides nothing; run the rows that matter with seed=range(5).")
    diverged = [row for row in summary.rows if row.score.nan]
    if diverged:
        said.append(f"Not a number in some runs, which no mean includes: {_list(row.name for row in diverged)}.")
    return said


def _word(value: str) -> str:
    """A long number, as a sampler draws it, in four digits."""
    try:
        return f"{float(value):.4g}" if len(value) > 8 else value
    except ValueError:
        return value


def _by_interest(summary: Summary) -> list[str]:
    known = [name for name in summary.metrics if "/" in name and not name.startswith("train/")]
    return [*(name for name in FIRST if name in known), *(name for name in known if name not in FIRST)]


def _shown(figure: Figure) -> str:
    if not figure.n:
        return "nan" if figure.nan else ""
    return f"{figure.mean:.4g}" + (f" ± {figure.std:.2g}" if figure.n > 1 else "")


def _runs(row: Row) -> str:
    more = [(row.score.nan, "nan"), (row.failed, "failed"), (row.unfinished, "unfinished"), (row.pruned, "pruned")]
    return ", ".join([str(row.score.n), *(f"{count} {what}" for count, what in more if count)])


def _interval(difference: Difference | None) -> str:
    return f"{difference.mean:+.3g} ± {difference.half_width:.2g}" if difference else ""


def _kinds(counted: Counter[str]) -> str:
    """`dead layer (3), loss not moving`: in how many runs of the row."""
    return ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in counted.most_common())


def _list(names: Iterable[str]) -> str:
    every: Sequence[str] = list(names)
    return ", ".join(every[:6]) + (f" and {len(every) - 6} more" if len(every) > 6 else "")
