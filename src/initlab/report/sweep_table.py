"""The ranking as a table: its columns, its cells and what each is sorted by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from initlab.report.comparison import Difference
from initlab.report.ranking import Combination, Spread
from initlab.report.sweep_files import Sweep
from initlab.sweeps.folder import SEEDS

METRICS_SHOWN = 3  # beside the score
VERDICTS = {"trained": "trained", "flat": "did not train", "diverged": "diverged", "failed": "failed",
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


def columns(
    sweep: Sweep, rows: list[Combination], axes: Iterable[str], to_best: dict[int, Difference]
) -> list[dict[str, Any]]:
    names = [last_word(axis) for axis in axes] or ["run"]
    figures = [sweep.monitor, *_metrics(sweep, rows), *(["to the best"] if to_best else []), "n"]
    by = {sweep.monitor: "descending" if sweep.mode == "max" else "ascending"}
    heads = [(name, False) for name in names] + [(name, True) for name in figures]
    heads += [("verdict", False), ("findings", False)]
    return [{"name": name, "figure": figure, "sort": by.get(name, "none")} for name, figure in heads]


def table(
    sweep: Sweep, rows: list[Combination], axes: Iterable[str], to_best: dict[int, Difference]
) -> list[dict[str, Any]]:
    axes, metrics = list(axes), _metrics(sweep, rows)
    lines = []
    for index, row in enumerate(rows):
        cells = [_cell(row.axes[axis]) for axis in axes] or [_cell("all")]
        cells[0] |= {"swatch": True, "kind": "name"}
        cells += [_figure(row.score), *(_figure(row.metrics.get(name)) for name in metrics)]
        if to_best:
            cells.append(_difference(to_best.get(index)))
        broken = f", {row.score.broken} nan" if row.score.broken else ""
        cells += [_cell(f"{row.score.n}{broken}", kind="figure"), _verdicts(row), _cell(_findings(row), kind="words")]
        lines.append({"index": index, "cells": cells, "first": index == 0 and math.isfinite(row.score.mean)})
    return lines


def _metrics(sweep: Sweep, rows: list[Combination]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.metrics if name != sweep.monitor))[:METRICS_SHOWN]


def _cell(text: str, kind: str = "") -> dict[str, Any]:
    return {"kind": kind, "sort": text, "swatch": False, "parts": [("", text)], "small": ""}


def _figure(it: Spread | None) -> dict[str, Any]:
    if it is None or not math.isfinite(it.mean):
        return _cell("nan" if it and it.broken else "–", kind="figure") | {"sort": ""}
    small = f"± {it.std:.4f}" if math.isfinite(it.std) else ""
    return _cell(f"{it.mean:.4f}", kind="figure") | {"sort": repr(it.mean), "small": small}


def _difference(it: Difference | None) -> dict[str, Any]:
    if it is None:
        return _cell("", kind="figure")
    small = f"[{it.low:.3g}, {it.high:.3g}]" if math.isfinite(it.low) else ""
    return _cell(f"{it.mean:+.3g}", kind="figure" if it.decided else "figure open") | {
        "sort": repr(it.mean),
        "small": small,
    }


def _verdicts(row: Combination) -> dict[str, Any]:
    several = len(row.verdicts) > 1
    parts: list[tuple[str, str]] = []
    for word in [word for word in VERDICTS if row.verdicts[word]]:
        parts += [("", ", ")] if parts else []
        parts.append((word.replace(" ", "-"), VERDICTS[word] + (f" {row.verdicts[word]}" if several else "")))
    return _cell("", kind="name") | {"sort": parts[0][1] if parts else "", "parts": parts}


def _findings(row: Combination) -> str:
    runs = len(row.jobs)
    return ", ".join(kind + (f" ({n} of {runs})" if n < runs else "") for kind, n in row.findings.items())
