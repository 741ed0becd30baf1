"""What a sweep ends in: a table in sweep.csv and in the terminal, a row for each setting, best first, and below it in
sentences what may be concluded from it."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.box import ROUNDED
from rich.console import Console
from rich.table import Table

from initlab.console import CONSOLE
from initlab.runs.atomic import whole_file
from initlab.sweeps.compare import CONFIDENCE, Difference, seeds_to_decide
from initlab.sweeps.summary import Row, Spread, Summary

ROWS = 40  # shown in the terminal
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
        + ["findings", "kinds", *forecast, "to the best row", "low", "high", "pairs", "higher in", "lower in"]
    )
    for row in summary.rows:
        cells: list[Any] = [*row.setting.values(), row.score.n, row.failed, row.unfinished, row.pruned, row.score.nan]
        cells.append(row.identical)
        for spread in (row.score, row.best, *(row.metrics.get(name, Spread()) for name in metrics), row.seconds):
            cells += ["" if math.isnan(number) else repr(number) for number in (spread.mean, spread.std)]
        cells += [row.findings.total(), _kinds(row.findings), *([_kinds(row.forecasts)] if forecast else [])]
        d = row.to_best
        cells += [repr(d.mean), repr(d.low), repr(d.high), d.n, d.higher, d.lower] if d else [""] * 6
        table.writerow(cells)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


def show(summary: Summary, console: Console = CONSOLE) -> None:
    """The table, as wide as the terminal, and what may be concluded from it."""
    rows = summary.rows[:ROWS]
    fixed: list[tuple[str, list[str], bool]] = [
        (key, [_word(r.setting[key]) for r in rows], False) for key in summary.swept
    ]
    fixed.append((summary.score_words, [_shown(r.score) for r in rows], True))
    fixed.append(("n", [_runs(r) for r in rows], True))
    if any(row.to_best for row in rows):
        interval = any(row.to_best and math.isfinite(row.to_best.low) for row in rows)
        fixed.append(("to the best row" + " [95%]" * interval, [_interval(r.to_best) for r in rows], True))
    optional = [(name, [_shown(r.metrics.get(name, Spread())) for r in rows], True) for name in _by_interest(summary)]
    if any(row.best.values != row.score.values for row in rows):
        first = f"{'lowest' if summary.mode == 'min' else 'highest'} {summary.monitor}"
        optional.insert(0, (first, [_shown(r.best) for r in rows], True))
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
    """What the seeds allow to say, no more."""
    if not summary.rows:
        return []
    best, *others = summary.rows
    said = []
    if best.score.n > 1 or any(row.score.n > 1 for row in others):
        said.append("± is one standard deviation over the seeds.")
    said += _against_best(best, summary)
    same = [row for row in summary.rows if row.identical]
    if same:
        said.append(
            f"A seed that changes nothing is no other run: with {_list(row.name for row in same)} runs are identical "
            "to the last digit and count as one; what is drawn may be fixed by init_seed and data.seed."
        )
    elif others and best.score.n and all(row.score.n <= 1 for row in summary.rows):
        said.append(
            f"One run a row: one seed decides nothing, {seeds_to_decide(2)} can decide between two rows; "
            f"run those that matter with seed={','.join(map(str, range(seeds_to_decide(2))))}."
        )
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


def _shown(spread: Spread) -> str:
    if not spread.n:
        return "nan" if spread.nan else ""
    return f"{spread.mean:.4g}" + (f" ± {spread.std:.2g}" if spread.n > 1 else "")


def _runs(row: Row) -> str:
    more = [(row.score.nan, "nan"), (row.failed, "failed"), (row.unfinished, "unfinished"), (row.pruned, "pruned")]
    more.append((row.identical, "identical"))
    return ", ".join([str(row.score.n), *(f"{count} {what}" for count, what in more if count)])


def _interval(difference: Difference | None) -> str:
    """`+1.87 [1.52, 2.2]`, without the interval where the seeds are too few for one."""
    if difference is None:
        return ""
    ends = f" [{difference.low:.3g}, {difference.high:.3g}]" if math.isfinite(difference.low) else ""
    return f"{difference.mean:+.3g}{ends}"


def _kinds(counted: Counter[str]) -> str:
    """`dead layer (3), loss not moving`: in how many runs of the row."""
    return ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in counted.most_common())


def _against_best(best: Row, summary: Summary) -> list[str]:
    """Which row beats which; which rows these seeds do not tell from the best one, how the seeds went, and how many
    could tell."""
    beaten, winners, undecided = summary.against_best()
    sure, test = _confidence(summary)
    how = f"{summary.score_words}, paired over seeds, {sure} ({test})"
    said = [f"{best.name} beats {_list(row.name for row in beaten)}: {how}."] if beaten else []
    said += [f"{row.name} beats {best.name} on the seeds they share: {how}." for row in winners]
    if undecided:
        fewest, most = seeds_to_decide(len(summary.rows)), max(row.to_best.n for row in undecided if row.to_best)
        why = f"{most} seeds cannot decide with {sure}, {fewest} can" if most < fewest else f"not decided with {sure}"
        others = _list(f"{row.name} ({summary.wins(row)})" for row in undecided)
        said.append(f"{best.name} against {others}: {why} ({test}).")
    return said


def _confidence(summary: Summary) -> tuple[str, str]:
    """How sure, and by what."""
    pairs = len(summary.rows) * (len(summary.rows) - 1) // 2
    sure, test = f"{CONFIDENCE:.0%} confidence", "exact sign-flip test"
    return (f"{sure} for all {pairs} pairs of rows together", f"{test}, Bonferroni") if pairs > 1 else (sure, test)


def _list(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:6]) + (f" and {len(every) - 6} more" if len(every) > 6 else "")
