"""The page about a sweep."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from initlab.report import figures, html, words
from initlab.report.comparison import Difference, differences
from initlab.report.ranking import Combination, Spread, compared_epoch, ranked
from initlab.report.run_files import RunFiles, number
from initlab.report.sweep_files import Job, Sweep
from initlab.report.sweep_table import VERDICTS, columns, label, last_word, shortened, table
from initlab.report.verdict import sentence
from initlab.sweeps.compare import CONFIDENCE, seeds_to_decide
from initlab.sweeps.compared_figure import words_of

LATER_POINTS = 120  # of each picture after the first 100 steps; fewer where the page would be too large
MOST_FIGURES = 900_000  # of all pictures together, two bytes each before they are packed
MOST_TROUBLES = 20
MOST_EPOCHS = 300, 30_000  # of a learning curve, of all together


def sweep_page(sweep: Sweep) -> str:
    rows = ranked(sweep)
    axes = {axis: sweep.axes[axis] for axis in sorted(sweep.swept, key=lambda axis: axis != "init")}
    blob = figures.Blob()
    pictures, thin_words = _pictures(rows, blob)
    jobs = [(job, job.run) for row in rows for job in row.jobs if job.run]
    some = next((run for _, run in jobs if run.environment), None)
    to_best = differences(sweep, rows)
    environment, packages = words.environment_rows(some)
    compared = words_of(sweep.monitor, compared_epoch(sweep))
    says, tone, because = _verdict(sweep, rows, to_best, compared)
    better, first = ("more", "highest") if sweep.mode == "max" else ("less", "lowest")
    colours = [last_word(axis) for axis in axes][:2]
    return html.render(
        "sweep.html",
        _data(sweep, rows, axes, jobs, pictures),
        blob.content(),
        title=_title(sweep, list(axes)),
        eyebrow=" · ".join(part for part in ("initlab sweep", words.when(some)) if part),
        subtitle=f"Ranked by {compared}, {first} first",
        folder=sweep.folder.name,
        says=says,
        tone=tone,
        because=because,
        facts=_facts(sweep, rows),
        troubles=_troubles(sweep),
        failures=[
            (_name(job), sentence(str(run.failed.get("error", "")))) for job, run in jobs if run.state == "failed"
        ],
        score_words=f"Compared is {compared}, {better} is better; the best of all epochs would favour a setting whose "
        f"{sweep.monitor} jumps. The other figures are of the end of the run.",
        columns=columns(sweep, rows, axes, to_best),
        rows=table(sweep, rows, axes, to_best),
        has_axes=any(len(values) > 1 for values in axes.values()),
        has_curves=any(run.metrics is not None and len(run.metrics) for _, run in jobs),
        has_signal=bool(pictures),
        colour_words=", dashes are ".join(colours) or "the same",
        captions=words.CAPTIONS,
        thin_words=thin_words,
        command=words.command_line(sweep.command, some),
        to_best=bool(to_best),
        config_text=jobs[0][1].config_text if jobs else "",
        environment=environment,
        packages=packages,
    )


def _data(
    sweep: Sweep,
    rows: list[Combination],
    axes: dict[str, list[str]],
    jobs: list[tuple[Job, RunFiles]],
    pictures: dict[Path, Any],
) -> dict[str, Any]:
    """What the page's script draws from."""
    place = {job.folder: i for i, (job, _) in enumerate(jobs)}
    combinations = []
    for row in rows:
        ended = [job.run for job in row.jobs if job.run and job.state == "finished"]
        metrics = {
            name: _packed(it, [run.last.get(name, math.nan) for run in ended]) for name, it in row.metrics.items()
        }
        combinations.append(
            {
                "label": label(row.axes) or "all",
                "axes": row.axes,
                "score": _packed(row.score, row.scores),
                "metrics": metrics,
                "runs": [place[job.folder] for job in row.jobs if job.folder in place],
            }
        )
    most = max(10, min(MOST_EPOCHS[0], MOST_EPOCHS[1] // max(1, len(jobs))))
    return {
        "kind": "sweep",
        "axes": axes,
        "monitor": sweep.monitor,
        "mode": sweep.mode,
        "score": words_of(sweep.monitor, compared_epoch(sweep)),
        "metrics": list(dict.fromkeys(name for row in rows for name in row.metrics)),
        "combinations": combinations,
        "runs": [
            {"label": _name(job), "epochs": figures.epochs(run, most), "pictures": pictures.get(job.folder, {})}
            for job, run in jobs
        ],
    }


def _packed(it: Spread, values: list[float]) -> dict[str, Any]:
    known = [figures.short(value) for value in values if math.isfinite(value)]
    return {"mean": figures.short(it.mean), "std": figures.short(it.std), "n": it.n, "values": known}


def _pictures(rows: list[Combination], blob: figures.Blob) -> tuple[dict[Path, Any], str]:
    """Of each run as many points as the page has room for; where not even the first 100 steps of all fit, those of the
    first run of each combination, then of the second, as long as there is room."""
    most = max((len(row.jobs) for row in rows), default=0)
    order = [job for turn in range(most) for row in rows for job in row.jobs[turn : turn + 1]]
    able = [(job.folder, job.run) for job in order if job.run and job.run.signal is not None]
    later = LATER_POINTS
    while later > 10 and sum(figures.weight_of_pictures(run, later) for _, run in able) > MOST_FIGURES:
        later //= 2
    packed: dict[Path, Any] = {}
    room = MOST_FIGURES
    for folder, run in able:
        weight = figures.weight_of_pictures(run, later)
        if weight <= room and (pictures := figures.pictures(run, blob, later)):
            packed[folder] = pictures
            room -= weight
    if len(packed) == len(able):
        return packed, ""
    return packed, (
        f"To keep the page small, {len(able) - len(packed)} of {len(able)} runs are not among them; "
        "python scripts/report.py with such a run’s folder makes a page of its own."
    )


def _name(job: Job) -> str:
    return label(job.overrides) or job.folder.name


def _title(sweep: Sweep, axes: list[str]) -> str:
    seeds = max((len(values) for axis, values in sweep.axes.items() if axis not in axes), default=1)
    repeated = f", {seeds} seeds each" if seeds > 1 else ""
    runs = f"{len(sweep.jobs)} run{'s' * (len(sweep.jobs) != 1)}"
    return f"{' × '.join(map(last_word, axes)) or sweep.folder.name}: {runs}{repeated}"


def _verdict(
    sweep: Sweep, rows: list[Combination], to_best: dict[int, Difference], compared: str
) -> tuple[str, str, list[str]]:
    """The headline, its tone, and what else the first screen has to say."""
    counted: Counter[str] = sum((row.verdicts for row in rows), Counter())
    ends = ", ".join(f"{counted[word]} {VERDICTS[word]}" for word in VERDICTS if counted[word])
    because = [f"Of {len(sweep.jobs)} runs: {ends}."]
    flat = [label(row.axes) for row in rows if row.verdicts["flat"] + row.verdicts["diverged"]]
    if flat and counted["trained"]:
        because.append(f"Did not train or diverged: {shortened(flat)}.")
    kinds: Counter[str] = sum((row.findings for row in rows), Counter())
    if kinds:
        found = [f"{kind} in {n} run{'s' * (n > 1)}" for kind, n in kinds.most_common()]
        because.append(f"Findings: {', '.join(found)}.")
    best = rows[0] if rows else None
    if best is None or not math.isfinite(best.score.mean):
        return "No run has a score yet.", "failed" if counted["failed"] else "unfinished", because
    if not counted["trained"]:
        return "None of the runs trained.", "flat", because
    because[:0] = _against_the_best(rows, to_best, sweep.mode)
    spread = f" ± {best.score.std:.2g}" if best.score.n > 1 else ""
    says = f"Best: {label(best.axes) or 'all'}, with {compared} {best.score.mean:.4g}{spread}."
    return says, "trained" if counted["trained"] == len(sweep.jobs) else "mixed", because


def _against_the_best(rows: list[Combination], to_best: dict[int, Difference], mode: str) -> list[str]:
    """What may be said of the best row and the others, no more."""
    if not to_best:
        best = rows[0].score
        near = [label(row.axes) for row in rows[1:] if abs(row.score.mean - best.mean) <= best.std]
        return [f"Within one standard deviation of it: {shortened(near)}."] if near else []
    beaten: list[str] = []
    winners: list[str] = []
    others: list[str] = []
    better = "lower" if mode == "min" else "higher"
    for index, it in to_best.items():
        name = label(rows[index].axes)
        if it.decided:
            (beaten if (it.mean > 0) == (mode == "min") else winners).append(name)
        else:
            others.append(f"{name} ({better} in {it.higher if mode == 'min' else it.lower} of {it.n} seeds)")
    fewest, most = seeds_to_decide(len(rows)), max(it.n for it in to_best.values())
    how = f"paired over the seeds, {CONFIDENCE * 100:.0f} % confidence for all pairs together"
    said = [f"It beats {shortened(beaten)} ({how})."] if beaten else []
    said += [f"On the seeds they share it is beaten by {shortened(winners)} ({how})."] if winners else []
    why = f"{most} seeds cannot decide at {CONFIDENCE * 100:.0f} % confidence, {fewest} can" if most < fewest else ""
    open_ = f"Against {shortened(others)}: {why or 'not decided by these seeds'}."
    return [*said, open_] if others else said


def _facts(sweep: Sweep, rows: list[Combination]) -> list[tuple[str, str]]:
    states = Counter(job.state for job in sweep.jobs)
    best = rows[0].metrics if rows else {}
    facts = [(f"{name}, of the best", f"{it.mean:.4f}") for name, it in best.items() if math.isfinite(it.mean)][:2]
    facts += [(name, str(states[name])) for name in ("finished", "failed", "unfinished", "not begun") if states[name]]
    seconds = [number(job.run.summary.get("seconds")) for job in sweep.jobs if job.run and job.run.summary]
    return [*facts, ("time of all runs", words.duration(sum(seconds)))] if seconds else facts


def _troubles(sweep: Sweep) -> list[str]:
    said = list(sweep.troubles)
    for state, what in (("unfinished", "did not finish, or still running"), ("not begun", "not begun")):
        waiting = [_name(job) for job in sweep.jobs if job.state == state]
        if waiting:
            said.append(f"{shortened(waiting)}: {what}; not in the figures.")
    for job in sweep.jobs:
        if job.run and job.state == "finished":
            said += [f"{_name(job)}: {trouble}" for trouble in job.run.troubles]
    more = len(said) - MOST_TROUBLES
    return said if more <= 0 else [*said[:MOST_TROUBLES], f"And {more} more of the kind."]
