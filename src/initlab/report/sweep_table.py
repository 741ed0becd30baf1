"""The ranking as a table: its columns, its cells and what each is sorted by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from initlab.numbers import shown
from initlab.sweeps.compare import Difference
from initlab.sweeps.conclusions import trained_words
from initlab.sweeps.record import SEEDS
from initlab.sweeps.summary import Row, Spread, Summary

METRICS_SHOWN = 3  # next to the score
METRICS = ("test/acc", "val/acc", "val/loss", "train/loss", "test/loss", "train/acc")  # in this order, then the others
OUTCOMES = {"trained": "trained", "flat": "did not train", "diverged": "diverged", "failed": "failed",
            "unfinished": "unfinished", "unknown": "unclear", "not begun": "not begun"}  # fmt: skip


def label(overrides: dict[str, str]) -> str:
    """`kaiming, depth 2, seed 0`: each value with the last word of its key, init's without; the seed last."""
    keys = sorted(overrides, key=lambda key: (key in SEEDS, key != "init"))
    return ", ".join(overrides[key] if key == "init" else f"{last_word(key)} {overrides[key]}" for key in keys)


def last_word(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def shortened(words: Iterable[str], most: int = 6) -> str:
    """`a; b; and 3 more`"""
    words = list(words)
    return "; ".join(words[:most]) + (f"; and {len(words) - most} more" if len(words) > most else "")


def shown_axes(sweep: Summary) -> list[str]:
    """What tells the rows apart; all of a sweep in which nothing has two values. init first."""
    several = [axis for axis, values in sweep.axes.items() if len(values) > 1] or sweep.axes
    return sorted((axis for axis in sweep.swept if axis in several), key=lambda axis: axis != "init")


def shown_metrics(row: Row) -> dict[str, Spread]:
    """Those that tell most first."""
    names = row.metrics.keys() - {"lr"}
    return {
        name: row.metrics[name] for name in [name for name in METRICS if name in names] + sorted(names - {*METRICS})
    }


def row_label(sweep: Summary, row: Row) -> str:
    return label({axis: row.shown[axis] for axis in shown_axes(sweep)})


def columns(sweep: Summary) -> list[dict[str, Any]]:
    names = [last_word(axis) for axis in shown_axes(sweep)] or ["run"]
    figures = [sweep.monitor, *_metrics(sweep), *(["to the best"] if sweep.compared else []), "n"]
    by = {sweep.monitor: "descending" if sweep.mode == "max" else "ascending"}
    heads = [*((name, "") for name in names), ("verdict", "outcome"), *((name, "figure") for name in figures)]
    heads.append(("findings", ""))
    return [
        {
            "name": name,
            "kind": kind,
            "sort": by.get(name, "none"),
            "first": "descending" if _more(name) else "ascending",
        }
        for name, kind in heads
    ]


def table(sweep: Summary) -> list[dict[str, Any]]:
    axes, metrics = shown_axes(sweep), _metrics(sweep)
    lines = []
    for index, row in enumerate(sweep.rows):
        cells = [_cell(row.shown[axis]) | {"sort": row.setting[axis]} for axis in axes] or [_cell("all")]
        cells[0] |= {"swatch": True, "kind": "name"}
        cells += [_outcomes(row), _figure(row.score), *(_figure(row.metrics.get(name)) for name in metrics)]
        if sweep.compared:
            cells.append(_difference(row.to_best))
        cells += [_cell(row.counted, kind="figure"), _cell(_findings(row), kind="words")]
        lines.append({"index": index, "cells": cells, "first": index == 0 and sweep.decided})
    return lines


def _more(name: str) -> bool:
    """Whether more of it is better."""
    return name.endswith(("acc", "r2"))


def _metrics(sweep: Summary) -> list[str]:
    names = dict.fromkeys(name for row in sweep.rows for name in shown_metrics(row) if name != sweep.monitor)
    return list(names)[:METRICS_SHOWN]


def _cell(text: str, kind: str = "") -> dict[str, Any]:
    return {"kind": kind, "sort": text, "swatch": False, "parts": [("", text)], "small": ""}


def _figure(it: Spread | None) -> dict[str, Any]:
    if it is None or not math.isfinite(it.mean):
        return _cell("nan" if it and it.nan else "–", kind="figure") | {"sort": ""}
    small = f"± {shown(it.std)}" if math.isfinite(it.std) else ""
    return _cell(shown(it.mean), kind="figure") | {"sort": repr(it.mean), "small": small}


def _difference(it: Difference | None) -> dict[str, Any]:
    if it is None:
        return _cell("", kind="figure")
    small = f"[{it.low:.3g}, {it.high:.3g}]" if math.isfinite(it.low) else ""
    return _cell(f"{it.mean:+.3g}", kind="figure" if it.decided else "figure open") | {
        "sort": repr(it.mean),
        "small": small,
    }


def _outcomes(row: Row) -> dict[str, Any]:
    several = len(row.outcomes) > 1
    parts: list[tuple[str, str]] = []
    for word in [word for word in OUTCOMES if row.outcomes[word]]:
        parts += [("", ", ")] if parts else []
        parts.append((word.replace(" ", "-"), OUTCOMES[word] + (f" {row.outcomes[word]}" if several else "")))
    small = trained_words(row)[1] if several else ""
    return _cell("", kind="name outcome") | {"sort": parts[0][1] if parts else "", "parts": parts, "small": small}


def _findings(row: Row) -> str:
    runs = len(row.members)
    return ", ".join(kind + (f" ({n} of {runs})" if n < runs else "") for kind, n in row.findings.items())
