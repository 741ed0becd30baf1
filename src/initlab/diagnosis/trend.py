"""What a run's rows say of one thing: its values, its trend along the layers, since when it has held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from initlab.diagnosis.outline import Rows

CONFIRM = 5  # samples that must be beyond a limit: one bad batch is no finding
BEGINS = 0.8  # a thing counts as begun from this share of its limit on, so that "since when" is no matter of chance
MIN_CHAIN = 3  # layers; two have no trend


def trend_along(
    history: Rows, chain: Sequence[str], quantity: str, until: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Along a chain of L layers, at each step: steps; decades gained from first to last; factor a layer.

    log10(factor) is the median slope of log10(value) over depth, of all pairs of layers (Theil and Sen), so that a few
    layers apart from the rest, such as the ends of residual branches that begin at zero, make no trend; decades =
    (L - 1) log10(factor). Layers where the value is 0 or not finite are left out, except that a signal which is there
    in the first layer and 0 in the last has lost everything.
    """
    columns = []
    for layer in chain:
        steps, values = values_of(history, layer, quantity, until)
        if len(values):
            columns.append(dict(zip(steps.tolist(), values.tolist(), strict=True)))
    if len(columns) < MIN_CHAIN:
        return None
    common = sorted(set(columns[0]).intersection(*columns[1:]))
    if not common:
        return None
    table = np.array([[column[step] for column in columns] for step in common])  # [steps, layers]
    there = np.isfinite(table) & (table > 0)
    logs = np.where(there, np.log10(np.where(there, table, 1.0)), np.nan)
    i, j = np.triu_indices(len(columns), k=1)
    slopes = (logs[:, j] - logs[:, i]) / (j - i)
    slope = np.full(len(common), np.nan)
    fits = there.sum(1) >= 2
    slope[fits] = np.nanmedian(slopes[fits], axis=1)
    slope[there[:, 0] & (table[:, -1] == 0)] = -np.inf
    return np.array(common), slope * (len(chain) - 1), 10.0**slope


def held_since(steps: np.ndarray, level: np.ndarray, values: np.ndarray, over: bool) -> tuple[int, float] | None:
    """Since when a thing has held up to now, and the number for it: that of step 0 where it held at step 0, else the
    median since then. None if it does not hold now, or was not seen often enough.

    `level` is how near it is to its limit, 1: at it. It holds while the level is above `BEGINS`, and is confirmed by
    `CONFIRM` samples above 1. Samples without a level (nan) say nothing either way.
    """
    known = ~np.isnan(level)
    steps, level, values = steps[known], level[known], values[known]
    breaks = np.flatnonzero(level < BEGINS)
    begin = int(breaks[-1]) + 1 if len(breaks) else 0
    confirm = max(min(CONFIRM, len(level)), 1) if over else CONFIRM
    if np.count_nonzero(level[begin:] > 1) < confirm:
        return None
    since = int(steps[begin])
    return since, float(values[begin] if since == 0 else np.median(values[begin:]))


def values_of(history: Rows, layer: str, quantity: str, until: float = math.inf) -> tuple[np.ndarray, np.ndarray]:
    found: Any = history.series(layer, quantity)
    steps, values = np.asarray(found[0], np.int64), np.asarray(found[1], np.float64)
    before = steps < until
    return steps[before], values[before]
