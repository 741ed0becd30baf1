"""The page about a sweep."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

from initlab.invocation import command
from initlab.numbers import duration, shown
from initlab.report import captions, figures, html
from initlab.report.sweep_table import (
    OUTCOMES,
    columns,
    label,
    last_word,
    row_label,
    shortened,
    shown_axes,
    shown_metrics,
    table,
)
from initlab.runs.outcome import sentence
from initlab.runs.reader import number
from initlab.sweeps.conclusions import conclusions
from initlab.sweeps.record import SEEDS
from initlab.sweeps.summary import Member, Row, Spread, Summary

LATER_POINTS = 120  # of each picture after the first 100 steps; fewer where the page would be too large
MOST_FIGURES = 900_000  # of all pictures together, two bytes each before they are packed
MOST_TROUBLES = 20
MOST_EPOCHS = 300, 30_000  # of a learning curve, of all together


def sweep_page(sweep: Summary) -> str:
    rows, axes = sweep.rows, shown_axes(sweep)
    blob = figures.Blob()
    pictures, thin_words = _pictures(rows, blob)
    members = [member for row in rows for member in row.members if member.run.state != "not begun"]
    some = next((run for _, run, _ in members if run.environment), None)
    environment, packages = captions.environment_rows(some)
    says, tone, because = _headline(sweep)
    better, first = ("more", "highest") if sweep.mode == "max" else ("less", "lowest")
    return html.render(
        "sweep.html",
        _data(sweep, members, pictures),
        blob.content(),
        title=_title(sweep),
        eyebrow=" · ".join(part for part in ("initlab sweep", captions.when(some)) if part),
        subtitle=f"Ranked by {sweep.score_words}, {first} first",
        folder=sweep.folder.name,
        says=says,
        tone=tone,
        because=because,
        facts=_facts(sweep),
        failures=[
            (_name(member), sentence(member.run.error or "")) for member in members if member.run.state == "failed"
        ],
        score_words=f"Compared is {sweep.score_words}, {better} is better; the best of all epochs would favour a "
        f"setting whose {sweep.monitor} jumps. The other figures are of the end of the run.",
        columns=columns(sweep),
        rows=table(sweep),
        has_axes=any(len(sweep.axes[axis]) > 1 for axis in axes),
        has_curves=any(run.epochs["epoch"] for _, run, _ in members),
        has_signal=bool(pictures),
        colour_words=", dashes are ".join([last_word(axis) for axis in axes][:2]) or "the same",
        epoch_words="The loss of single batches, as there is one epoch only." if _one_epoch(members) else "",
        captions=captions.CAPTIONS,
        thin_words=thin_words,
        command=captions.command_line(sweep.command, some),
        to_best=sweep.compared,
        config_text=members[0].run.config_text if members else "",
        environment=environment,
        packages=packages,
        troubles=_troubles(sweep),
    )


def _data(sweep: Summary, members: list[Member], pictures: dict[Path, Any]) -> dict[str, Any]:
    """What the page's script draws from."""
    place = {member.run.path: i for i, member in enumerate(members)}
    axes = shown_axes(sweep)
    combinations = [
        {
            "label": row_label(sweep, row) or "all",
            "axes": {axis: value for axis, value in row.setting.items() if axis in axes},
            "score": _packed(row.score),
            "metrics": {name: _packed(it) for name, it in shown_metrics(row).items()},
            "runs": [place[run.path] for _, run, _ in row.members if run.path in place],
        }
        for row in sweep.rows
    ]
    most = max(10, min(MOST_EPOCHS[0], MOST_EPOCHS[1] // max(1, len(members))))
    return {
        "kind": "sweep",
        "axes": {axis: sweep.axes[axis] for axis in axes},
        "monitor": sweep.monitor,
        "mode": sweep.mode,
        "score": sweep.score_words,
        "metrics": list(dict.fromkeys(name for row in sweep.rows for name in shown_metrics(row))),
        "combinations": combinations,
        "runs": [
            {
                "label": _name(member),
                "epochs": figures.epochs(member.run, most),
                "loss": figures.loss_curve(member.run, 100) if _one_epoch(members) else {},
                "pictures": pictures.get(member.run.path, {}),
            }
            for member in members
        ],
    }


def _packed(it: Spread) -> dict[str, Any]:
    known = [figures.short(value) for value in it.values.values()]
    return {"mean": figures.short(it.mean), "std": figures.short(it.std), "n": it.n, "values": known}


def _pictures(rows: list[Row], blob: figures.Blob) -> tuple[dict[Path, Any], str]:
    """Of each run as many points as the page has room for; where not even the first 100 steps of all fit, those of the
    first run of each combination, then of the second, as long as there is room."""
    most = max((len(row.members) for row in rows), default=0)
    order = [run for turn in range(most) for row in rows for _, run, _ in row.members[turn : turn + 1]]
    able = [run for run in order if run.recorded]
    later = LATER_POINTS
    while later > 10 and sum(figures.weight_of_pictures(run, later) for run in able) > MOST_FIGURES:
        later //= 2
    packed: dict[Path, Any] = {}
    room = MOST_FIGURES
    for run in able:
        weight = figures.weight_of_pictures(run, later)
        if weight <= room and (pictures := figures.pictures(run, blob, later)):
            packed[run.path] = pictures
            room -= weight
    if len(packed) == len(able):
        return packed, ""
    return packed, (
        f"To keep the page small, {len(able) - len(packed)} of {len(able)} runs are not among them; "
        f"{' '.join(command('report'))} with such a run’s folder makes a page of its own."
    )


def _name(member: Member) -> str:
    return label(dict(member.job.overrides)) or member.job.folder


def _seeds(member: Member) -> tuple[str | None, ...]:
    return tuple(member.job.overrides.get(key) for key in SEEDS)


def _title(sweep: Summary) -> str:
    axes = shown_axes(sweep)
    seeds = max((len({_seeds(member) for member in row.members}) for row in sweep.rows), default=1)
    repeated = f", {seeds} seeds each" if seeds > 1 else ""
    runs = f"{len(sweep.members)} run{'s' * (len(sweep.members) != 1)}"
    return f"{' × '.join(map(last_word, axes)) or sweep.folder.name}: {runs}{repeated}"


def _headline(sweep: Summary) -> tuple[str, str, list[str]]:
    """What came out, its tone, and what else the first screen has to say."""
    rows = sweep.rows
    counted: Counter[str] = sum((row.outcomes for row in rows), Counter())
    ends = ", ".join(f"{counted[word]} {OUTCOMES[word]}" for word in OUTCOMES if counted[word])
    because = [f"Of {len(sweep.members)} runs: {ends}."]
    if counted["trained"]:
        never, others = patterns(sweep)
        because += [f"Never trained: {shortened(never)}."] if never else []
        because += [f"Did not train or diverged in some runs: {shortened(others)}."] if others else []
    kinds: Counter[str] = sum((row.findings for row in rows), Counter())
    if kinds:
        found = [f"{kind} in {n} run{'s' * (n > 1)}" for kind, n in kinds.most_common()]
        because.append(f"Findings: {', '.join(found)}.")
    best = rows[0] if rows else None
    told = counted["flat"] + counted["diverged"]
    if best is None or (told < len(sweep.members) and not math.isfinite(best.score.mean)):
        return "No run has a score yet.", "failed" if counted["failed"] else "unfinished", because
    if not counted["trained"] and not counted["unknown"]:
        return "None of the runs trained.", "flat", because
    because[:0] = conclusions(sweep)
    spread = f" ± {best.score.std:.2g}" if best.score.n > 1 else ""
    name, value = row_label(sweep, best) or "all", f"{best.score.mean:.4g}{spread}"
    if sweep.decided or len(rows) == 1:
        says = f"Best: {name}, with {sweep.score_words} {value}."
    else:
        first = "Highest" if sweep.mode == "max" else "Lowest"
        says = f"{first} {sweep.score_words}: {name}, {value}. Not decided: whether it is the best."
    return says, "trained" if counted["trained"] == len(sweep.members) else "mixed", because


def patterns(sweep: Summary) -> tuple[list[str], list[str]]:
    """The fewest values, of one axis or of two together, with which no run trained, and the rows besides of which some
    did not."""
    axes = shown_axes(sweep)
    never: list[dict[str, str]] = []
    for size in (1, 2, len(axes)):
        for some in combinations(axes, size) if size <= len(axes) else ():
            for values in dict.fromkeys(tuple(row.shown[axis] for axis in some) for row in sweep.rows):
                found = dict(zip(some, values, strict=True))
                rows = [row for row in sweep.rows if found.items() <= row.shown.items()]
                bad = all(
                    row.members and row.outcomes["flat"] + row.outcomes["diverged"] == len(row.members) for row in rows
                )
                if bad and not any(one.items() <= found.items() for one in never):
                    never.append(found)
    others = [
        row_label(sweep, row)
        for row in sweep.rows
        if row.outcomes["flat"] + row.outcomes["diverged"]
        and not any(one.items() <= row.shown.items() for one in never)
    ]
    return [label(one) for one in never], others


def _one_epoch(members: list[Member]) -> bool:
    return bool(members) and all(len(set(member.run.epochs["epoch"])) < 2 for member in members)


def _facts(sweep: Summary) -> list[tuple[str, str]]:
    states = Counter(run.state for _, run, _ in sweep.members)
    best = shown_metrics(sweep.rows[0]) if sweep.rows else {}
    facts = [(f"{name}, of the first", shown(it.mean)) for name, it in best.items() if math.isfinite(it.mean)][:2]
    facts += [(name, str(states[name])) for name in ("finished", "failed", "unfinished", "not begun") if states[name]]
    seconds = [number(run.summary.get("seconds")) for _, run, _ in sweep.members if run.summary is not None]
    return [*facts, ("time of all runs", duration(sum(seconds)))] if seconds else facts


def _troubles(sweep: Summary) -> list[str]:
    said = list(sweep.troubles)
    for state, what in (("unfinished", "did not finish, or still running"), ("not begun", "not begun")):
        waiting = [_name(member) for member in sweep.members if member.run.state == state]
        if waiting:
            said.append(f"{shortened(waiting)}: {what}; not in the figures.")
    for member in sweep.members:
        if member.run.finished:
            said += [f"{_name(member)}: {trouble}" for trouble in captions.troubles(member.run)]
    more = len(said) - MOST_TROUBLES
    return said if more <= 0 else [*said[:MOST_TROUBLES], f"And {more} more of the kind."]
