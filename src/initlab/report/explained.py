"""The section of an explanation on the page of its run, from explanation.json as far as that can be read."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np

from initlab.numbers import shown
from initlab.report.figures import Blob, coded, short
from initlab.runs import Run
from initlab.runs.outcome import sentence
from initlab.runs.reader import number

MOST_FORKS, MOST_LAYERS = 200, 500
ABOVE = 1.3  # the axis ends so many times above what the losses begin at; one that diverges leaves it
MAPS = ("as it was", "mended")


def words(run: Run) -> dict[str, Any] | None:
    """For the template; None without an explanation."""
    found = run.explanation
    says = [sentence(str(text)) for text in _list(found.get("says"))]
    if not says:
        return None
    return {
        "says": says,
        "command": str(found.get("command") or ""),
        "steps": _whole(found.get("steps")),
        "repeats": found.get("repeats") == "to the bit",
        "forks": [
            {
                "name": _name(fork),
                "group": str(fork.get("group", "")),
                "loss": shown(number(fork.get("loss"))) if math.isfinite(number(fork.get("loss"))) else "nan",
                "trains": fork.get("trains") is True,
                "seeds": _seeds(fork),
                "error": str(fork.get("error") or ""),
            }
            for fork in _forks(found)
        ],
    }


def curves(run: Run, blob: Blob) -> dict[str, Any]:
    """Each fork's losses, and the std of the layers as it was and with the change; empty without an explanation."""
    found = run.explanation
    forks = _forks(found)
    if not forks:
        return {}
    best = " ".join(map(str, _list(found.get("change"))))
    lines: list[dict[str, Any]] = [
        {
            "name": _name(fork),
            "losses": [short(number(loss)) for loss in _list(fork.get("losses"))],
            "trains": fork.get("trains") is True,
            "best": bool(best) and _name(fork) == best,
        }
        for fork in forks
    ]
    signal = found.get("signal")
    pictures = [_picture(name, signal.get(name), blob) for name in MAPS] if isinstance(signal, dict) else []
    return {
        "lines": lines,
        "top": _top(lines),
        "pictures": [picture | {"title": best if i else "as it was"} for i, picture in enumerate(pictures) if picture],
    }


def _top(lines: list[dict[str, Any]]) -> float | None:
    """Where the axis ends: above what the losses usually begin at, or, where those are blown up, what the change that
    helps begins at and the run as it was usually has."""
    known = [[loss for loss in line["losses"] if loss is not None] for line in lines]
    first = [losses[0] for line, losses in zip(lines, known, strict=True) if losses and line["losses"][0] is not None]
    best = [losses[0] for line, losses in zip(lines, known, strict=True) if losses and line["best"]]
    if best and known[0]:
        return ABOVE * min(statistics.median(first or best), max(best[0], statistics.median(known[0])))
    return ABOVE * statistics.median(first) if first else None


def _picture(name: str, given: Any, blob: Blob) -> dict[str, Any]:
    """{layers, steps, at}, as a picture of the signal has it."""
    if not isinstance(given, dict):
        return {}
    layers, steps = _list(given.get("layers"))[:MOST_LAYERS], [_whole(step) for step in _list(given.get("steps"))]
    rows = [_list(row) for row in _list(given.get("std"))][: len(layers)]
    if not rows or not steps or len(rows) < len(layers) or any(len(row) != len(steps) for row in rows):
        return {}
    values = np.array([[np.nan if v is None else number(v) for v in row] for row in rows])
    return {"layers": [str(layer) for layer in layers], "steps": steps, "at": blob.add(coded(values, linear=False))}


def _forks(found: dict[str, Any]) -> list[dict[str, Any]]:
    every = [found.get("as_it_was"), *_list(found.get("forks"))]
    return [fork for fork in every if isinstance(fork, dict)][:MOST_FORKS]


def _name(fork: dict[str, Any]) -> str:
    return str(fork.get("name", ""))


def _seeds(fork: dict[str, Any]) -> str:
    seeds = _list(fork.get("seeds"))
    return f"{seeds[0]} of {seeds[1]}" if len(seeds) == 2 and seeds[1] != 1 else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
