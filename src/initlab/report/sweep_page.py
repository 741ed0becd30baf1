"""The page about a sweep."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from initlab.report import figures, html, words
from initlab.report.ranking import Combination, Spread, ranked
from initlab.report.sweep_files import Sweep, is_number
from initlab.report.verdict import sentence, verdict

LATER_POINTS = 120  # of each picture after the first 100 steps; fewer where the page would be too large
MOST_FIGURES = 1_000_000  # of all pictures together, two bytes each before they are packed
IN_TABLE = 4  # metrics shown in the table beside the score
WORDS = {"trained": "trained", "flat": "did not train", "diverged": "diverged", "failed": "failed",
         "unfinished": "unfinished", "unknown": "unclear", "not begun": "not begun"}  # fmt: skip


def sweep_page(sweep: Sweep) -> str:
    rows = ranked(sweep)
    runs = [job for row in rows for job in row.jobs if job.run]
    blob = figures.Blob()
    pictures, thin_words = _pictures(rows, blob)
    place = {job.folder: i for i, job in enumerate(runs)}
    axes = {axis: sweep.axes[axis] for axis in sorted(sweep.swept, key=lambda a: a != "init")}
    data: dict[str, Any] = {
        "kind": "sweep",
        "axes": axes,
        "monitor": sweep.monitor,
        "mode": sweep.mode,
        "score": f"{sweep.monitor} (best epoch)",
        "metrics": list(dict.fromkeys(name for row in rows for name in row.metrics)),
        "combinations": [
            {
                "label": label(row.axes),
                "axes": row.axes,
                "score": _packed(row.score, [job.run.score for job in row.jobs if job.run and job.state == "finished"]),
                "metrics": {
                    name: _packed(
                        it,
                        [job.run.last.get(name, math.nan) for job in row.jobs if job.run and job.state == "finished"],
                    )
                    for name, it in row.metrics.items()
                },
                "runs": [place[job.folder] for job in row.jobs if job.folder in place],
            }
            for row in rows
        ],
        "runs": [
            {
                "label": label(job.overrides) or job.folder.name,
                "epochs": figures.epochs(job.run, 300),
                "pictures": pictures.get(job.folder, {}),
            }
            for job in runs
            if job.run
        ],
    }
    some = next((job.run for job in runs if job.run and job.run.environment), None)
    command, _ = words.again(some, sweep=True)
    environment, packages = words.environment_rows(some)
    states = Counter(job.state for job in sweep.jobs)
    columns, table = _table(sweep, rows, axes)
    says, tone, because = _verdict(sweep, rows, states)
    first = next(iter(axes), "")
    second = list(axes)[1] if len(axes) > 1 else ""
    return html.render(
        "sweep.html",
        data,
        blob.content(),
        title=_title(sweep, axes),
        eyebrow=" · ".join(part for part in ("initlab sweep", words.when(some)) if part),
        subtitle=f"Ranked by {sweep.monitor} at each run’s best epoch, {'highest' if sweep.mode == 'max' else 'lowest'} first",
        folder=sweep.folder.name,
        says=says,
        tone=tone,
        because=because,
        facts=[(name, str(states[name])) for name in ("finished", "failed", "unfinished", "not begun") if states[name]],
        troubles=_troubles(sweep),
        failures=[
            (label(job.overrides) or job.folder.name, sentence(str(job.run.failed.get("error", ""))))
            for job in sweep.jobs
            if job.run and job.state == "failed"
        ],
        score_words=f"The score is {sweep.monitor} at the best epoch, {'more' if sweep.mode == 'max' else 'less'} is better; the other figures are of the end of the run.",
        columns=columns,
        rows=table,
        has_axes=any(len(values) > 1 for values in axes.values()),
        has_curves=any(run["epochs"] for run in data["runs"]),
        has_signal=bool(pictures),
        colour_words=f"{first or 'the same'}" + (f", dashes are {second}" if second else ""),
        captions=words.CAPTIONS,
        thin_words=thin_words,
        command=command,
        command_words="The whole sweep.",
        config_text=runs[0].run.config_text if runs and runs[0].run else "",
        environment=environment,
        packages=packages,
    )


def label(overrides: dict[str, str]) -> str:
    """`kaiming, depth 2, seed 0`: each value with the last word of its key, init's without."""
    return ", ".join(
        value if key == "init" else f"{key.rsplit('.', 1)[-1]} {value}" for key, value in overrides.items()
    )


def _title(sweep: Sweep, axes: dict[str, list[str]]) -> str:
    names = [axis.rsplit(".", 1)[-1] for axis in axes]
    seeds = max((len(sweep.axes[axis]) for axis in sweep.axes if axis not in axes), default=1)
    repeated = f", {seeds} seeds each" if seeds > 1 else ""
    return f"{' × '.join(names) or sweep.folder.name}: {len(sweep.jobs)} runs{repeated}"


def _verdict(sweep: Sweep, rows: list[Combination], states: Counter[str]) -> tuple[str, str, list[str]]:
    """The headline, its tone, and what else the first screen has to say."""
    counted: Counter[str] = sum((row.verdicts for row in rows), Counter())
    total = len(sweep.jobs)
    spread = ", ".join(f"{counted[word]} {WORDS[word]}" for word in WORDS if counted[word])
    because = [f"Of {total} runs: {spread}."]
    best = rows[0] if rows and math.isfinite(rows[0].score.mean) else None
    flat = [label(row.axes) for row in rows if row.verdicts["flat"] + row.verdicts["diverged"]]
    if flat and counted["trained"]:
        shown = "; ".join(flat[:6]) + (f"; and {len(flat) - 6} more" if len(flat) > 6 else "")
        because.append(f"Did not train or diverged: {shown}.")
    kinds: Counter[str] = sum((row.findings for row in rows), Counter())
    if kinds:
        because.append(
            "Findings: " + ", ".join(f"{kind} in {n} run{'s' * (n > 1)}" for kind, n in kinds.most_common()) + "."
        )
    if best is None:
        return "No run has a score yet.", "unfinished" if not states["failed"] else "failed", because
    figure = f"{best.score.mean:.4g}" + (f" ± {best.score.std:.2g}" if best.score.n > 1 else "")
    name = label(best.axes) or "all seeds"
    if counted["trained"] == 0:
        return "None of the runs trained.", "flat", because
    tone = "trained" if counted["trained"] == total else "unfinished"
    return f"Best: {name}, with {sweep.monitor} {figure}.", tone, because


def _troubles(sweep: Sweep) -> list[str]:
    said = list(sweep.troubles)
    for state, what in (("unfinished", "did not finish, or still runs"), ("not begun", "has not begun")):
        waiting = [label(job.overrides) or job.folder.name for job in sweep.jobs if job.state == state]
        if waiting:
            said.append(
                f"{'; '.join(waiting[:8])}{f'; and {len(waiting) - 8} more' if len(waiting) > 8 else ''}: {what}; not in the figures."
            )
    for job in sweep.jobs:
        if job.run and job.state != "unfinished":
            said += [
                f"{job.folder.name}: {trouble}"
                for trouble in job.run.troubles
                if job.state == "finished" or "no config" not in trouble
            ]
    return said[:20] + ([f"And {len(said) - 20} more of the kind."] if len(said) > 20 else [])


def _table(
    sweep: Sweep, rows: list[Combination], axes: dict[str, list[str]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics if name != sweep.monitor))[:IN_TABLE]
    columns = [{"name": axis.rsplit(".", 1)[-1], "figure": False, "sort": "none"} for axis in axes] or [
        {"name": "run", "figure": False, "sort": "none"}
    ]
    columns.append(
        {"name": sweep.monitor, "figure": True, "sort": "descending" if sweep.mode == "max" else "ascending"}
    )
    columns += [{"name": name, "figure": True, "sort": "none"} for name in metrics]
    columns += [
        {"name": "n", "figure": True, "sort": "none"},
        {"name": "verdict", "figure": False, "sort": "none"},
        {"name": "findings", "figure": False, "sort": "none"},
    ]
    table = []
    for index, row in enumerate(rows):
        cells = [_cell(row.axes[axis], kind="" if not is_number(row.axes[axis]) else "value") for axis in axes] or [
            _cell("all")
        ]
        cells[0]["swatch"] = True
        cells += [
            _figure(it)
            for it in (row.score, *(row.metrics.get(name, Spread(math.nan, math.nan, 0)) for name in metrics))
        ]
        verdicts = [
            (word.replace(" ", "-"), WORDS[word] + (f" {row.verdicts[word]}" if len(row.verdicts) > 1 else ""))
            for word in WORDS
            if row.verdicts[word]
        ]
        parts = [part for pair in verdicts for part in (("", ", "), pair)][1:]
        found = ", ".join(
            kind + (f" ({n} of {len(row.jobs)})" if n < len(row.jobs) else "") for kind, n in row.findings.items()
        )
        cells += [
            _cell(str(row.score.n), kind="figure"),
            {"kind": "", "sort": next(iter(verdicts))[1], "swatch": False, "parts": parts, "small": ""},
            _cell(found, kind="words"),
        ]
        table.append({"index": index, "cells": cells, "first": index == 0 and math.isfinite(row.score.mean)})
    return columns, table


def _cell(text: str, kind: str = "") -> dict[str, Any]:
    return {"kind": kind, "sort": text, "swatch": False, "parts": [("", text)], "small": ""}


def _figure(it: Spread) -> dict[str, Any]:
    if not math.isfinite(it.mean):
        return {"kind": "figure", "sort": "", "swatch": False, "parts": [("", "nan" if it.n else "–")], "small": ""}
    small = f"± {it.std:.4f}" if math.isfinite(it.std) else ""
    return {"kind": "figure", "sort": repr(it.mean), "swatch": False, "parts": [("", f"{it.mean:.4f}")], "small": small}


def _packed(it: Spread, values: list[float]) -> dict[str, Any]:
    return {
        "mean": figures.short(it.mean),
        "std": figures.short(it.std),
        "n": it.n,
        "values": [figures.short(v) for v in values if math.isfinite(v)],
    }


def _pictures(rows: list[Combination], blob: figures.Blob) -> tuple[dict[Any, dict[str, Any]], str]:
    """Of each run as many points as the page has room for; where not even the first 100 steps of all fit, of the first
    run of each combination, then of the second, as long as there is room."""
    order = [
        job
        for turn in range(max((len(row.jobs) for row in rows), default=0))
        for row in rows
        for job in row.jobs[turn : turn + 1]
    ]
    able = [job for job in order if job.run and job.run.signal is not None]
    later = LATER_POINTS
    while later > 10 and sum(figures.weight_of_pictures(job.run, later) for job in able if job.run) > MOST_FIGURES:
        later //= 2
    packed, room = {}, MOST_FIGURES
    for job in able:
        assert job.run
        weight = figures.weight_of_pictures(job.run, later)
        if weight <= room and (pictures := figures.pictures(job.run, blob, later)):
            packed[job.folder] = pictures
            room -= weight
    left_out = len(able) - len(packed)
    thin = (
        f"To keep the page small, the pictures of {left_out} of {len(able)} runs are left out: each has a page of its own (python scripts/report.py and its folder)."
        if left_out
        else ""
    )
    return packed, thin
