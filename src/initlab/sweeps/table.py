"""What a sweep ends in: a table in sweep.csv and in the terminal, a row for each setting, best first, and below it in
sentences what may be concluded from it."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console

from initlab.console import CONSOLE, Column, say, show_table
from initlab.runs.atomic import whole_file
from initlab.sweeps.compare import Difference, wilson
from initlab.sweeps.conclusions import conclusions, trained_words
from initlab.sweeps.score import score_words
from initlab.sweeps.summary import Spread, Summary

ROWS = 40  # shown in the terminal
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # in sweep.csv
ENDS_FROM = 20  # runs of a row, from which on the terminal shows the quantiles 5 % and 95 %
FIRST = ("test/acc", "val/acc", "test/loss", "val/loss")  # shown in the terminal while there is room


def write_csv(summary: Summary, path: Path) -> None:
    """All of it, a number a cell."""
    text = io.StringIO()
    metrics = summary.metrics
    forecast = ["forecast"] if any(row.forecasts for row in summary.rows) else []
    table = csv.writer(text)
    table.writerow(
        [*summary.swept, "n", "failed", "unfinished", "pruned", "not_a_number", "identical"]
        + [f"{name} {what}" for name in ("compared", "best epoch", *metrics, "seconds") for what in ("mean", "std")]
        + [f"compared {share:.0%}" for share in QUANTILES]
        + ["trained", "trained of", "trained low", "trained high"]
        + ["findings", "kinds", *forecast, "to the best row", "low", "high", "pairs", "higher in", "lower in"]
    )
    for row in summary.rows:
        cells: list[Any] = [*row.setting.values(), row.score.n, row.failed, row.unfinished, row.pruned, row.score.nan]
        cells.append(row.identical)
        for spread in (row.score, row.best, *(row.metrics.get(name, Spread()) for name in metrics), row.seconds):
            cells += ["" if math.isnan(number) else repr(number) for number in (spread.mean, spread.std)]
        cells += ["" if math.isnan(q) else repr(q) for q in map(row.score.quantile, QUANTILES)]
        trained, of = row.trained
        cells += [trained, of, *(map(repr, wilson(trained, of)) if of else ("", ""))]
        cells += [row.findings.total(), _kinds(row.findings), *([_kinds(row.forecasts)] if forecast else [])]
        d = row.to_best
        cells += [repr(d.mean), repr(d.low), repr(d.high), d.n, d.higher, d.lower] if d else [""] * 6
        table.writerow(cells)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


def show(summary: Summary, console: Console = CONSOLE) -> None:
    """The table, as wide as the terminal, and what may be concluded from it."""
    show_table(columns_of(summary), console=console)
    for sentence in sentences_of(summary):
        say(sentence, console=console)


def columns_of(summary: Summary) -> list[Column]:
    rows = summary.rows[:ROWS]
    columns = [Column(key, [r.shown[key] for r in rows], right=False) for key in summary.swept]
    columns.append(Column(summary.score_words, [_shown(r.score) for r in rows]))
    columns.append(Column("n", [r.counted for r in rows], rank=1))
    if any(trained < of for trained, of in (row.trained for row in rows)):
        columns.append(Column("trained [95%]", [" ".join(trained_words(r)) for r in rows], rank=1))
    if any(row.score.n >= ENDS_FROM for row in rows):
        columns.append(Column("median [5%, 95%]", [_ends(r.score) for r in rows], rank=2))
    if any(row.to_best for row in rows):
        interval = any(row.to_best and math.isfinite(row.to_best.low) for row in rows)
        columns.append(Column("to the best row" + " [95%]" * interval, [_interval(r.to_best) for r in rows], rank=2))
    if any(
        not math.isclose(best, row.score.values.get(seed, math.nan), rel_tol=1e-6)  # the best epoch's is a float32
        for row in rows
        for seed, best in row.best.values.items()
    ):
        first = f"{'lowest' if summary.mode == 'min' else 'highest'} {summary.monitor}"
        columns.append(Column(first, [_shown(r.best) for r in rows], rank=6))
    for i, name in enumerate(_by_interest(summary)):
        heading = score_words(name, None) if name == summary.monitor else name  # the first column may be of an epoch
        if heading != summary.score_words:
            columns.append(Column(heading, [_shown(r.metrics.get(name, Spread())) for r in rows], rank=7 + i))
    columns.append(Column("s", [f"{r.seconds.mean:.1f}" if r.seconds.n else "" for r in rows], rank=5))
    if any(row.findings for row in rows):
        columns.append(Column("findings", [str(r.findings.total() or "") for r in rows], rank=4))
    if any(row.forecasts for row in rows):
        columns.append(Column("forecast", [_kinds(r.forecasts) for r in rows], right=False, rank=3))
    return columns


def sentences_of(summary: Summary) -> list[str]:
    """What stands below the table: findings, and what may be concluded."""
    rows, left = summary.rows[:ROWS], len(summary.rows) - ROWS
    cut = [f"... and {left} more rows in sweep.csv"] if left > 0 else []
    found = [f"finding  {row.name}: {_kinds(row.findings)}" for row in rows if row.findings]
    more = [f"finding  ... {len(found) - 8} more rows, in sweep.csv"] if len(found) > 8 else []
    return [*cut, *found[:8], *more, *conclusions(summary)]


def _ends(spread: Spread) -> str:
    low, middle, high = (spread.quantile(share) for share in (QUANTILES[0], 0.5, QUANTILES[-1]))
    return f"{middle:.4g} [{low:.4g}, {high:.4g}]" if spread.n >= ENDS_FROM else ""


def _by_interest(summary: Summary) -> list[str]:
    known = [name for name in summary.metrics if "/" in name and not name.startswith("train/")]
    return [*(name for name in FIRST if name in known), *(name for name in known if name not in FIRST)]


def _shown(spread: Spread) -> str:
    if not spread.n:
        return "nan" if spread.nan else ""
    return f"{spread.mean:.4g}" + (f" ± {spread.std:.2g}" if spread.n > 1 else "")


def _interval(difference: Difference | None) -> str:
    """`+1.87 [1.52, 2.2]`, without the interval where the seeds are too few for one."""
    if difference is None:
        return ""
    ends = f" [{difference.low:.3g}, {difference.high:.3g}]" if math.isfinite(difference.low) else ""
    return f"{difference.mean:+.3g}{ends}"


def _kinds(counted: Counter[str]) -> str:
    """`dead layer (3), loss not moving`: in how many runs of the row."""
    return ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in counted.most_common())
