"""A run's rows, thinned and packed for a page: two bytes a figure, one a bar of a histogram.

A figure is a code: 0 was not recorded, 1 is exactly 0, 2 is nan or inf; from 3 on it is log10(|value|) in steps of
1/600 decade from 1e-50 on (0.4 %, finer than any colour), or, of a share, the share in steps of 1/60000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from initlab.diagnosis.prediction import PredictedLayer, read_prediction
from initlab.limits import limits_of
from initlab.runs import Run

ABSENT, ZERO, NOT_FINITE, FIRST = 0, 1, 2, 3
A_DECADE, DECADES, SHARES = 600, 50, 60_000
DENSE_STEPS = 100  # of the beginning, never thinned
PICTURES = ("std", "grad_std", "dead", "update_ratio")
LINEAR = ("dead",)


class Blob:
    """Bytes that the page unpacks; `add` gives the place of what was added."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, values: np.ndarray) -> int:
        """Whole numbers of one or two bytes, little end first."""
        content = values.astype(values.dtype.newbyteorder("<")).tobytes()
        content += b"\0" * (len(content) % 2)
        at = self.size
        self.parts.append(content)
        self.size += len(content)
        return at

    def content(self) -> bytes:
        return b"".join(self.parts)


def thinned(steps: np.ndarray, later: int, dense: int = DENSE_STEPS) -> np.ndarray:
    """Which of the ascending steps to keep: all below `dense`, of those after at most `later`, evenly, the last too."""
    dense = int(np.searchsorted(steps, dense))
    rest = np.arange(dense, len(steps))
    if len(rest) > later:
        rest = rest[np.unique(np.linspace(0, len(rest) - 1, later).round().astype(int))]
    return np.concatenate([np.arange(dense), rest])


def coded(values: np.ndarray, linear: bool) -> np.ndarray:
    """Codes of figures; -inf, which no figure here can be, stands for not recorded."""
    absent, broken = np.isneginf(values), ~np.isfinite(values)
    size = np.abs(np.where(broken, 1.0, values))
    if linear:
        scaled = np.clip(size, 0, 1) * SHARES
    else:
        with np.errstate(divide="ignore"):
            scaled = (np.clip(np.log10(size), -DECADES, DECADES) + DECADES) * A_DECADE
    codes = (FIRST + np.round(scaled)).astype(np.uint16)
    if not linear:
        codes[values == 0] = ZERO
    codes[broken] = NOT_FINITE
    codes[absent] = ABSENT
    return codes


def pictures(run: Run, blob: Blob, later: int) -> dict[str, Any]:
    """Of each quantity with rows: its layers in the order of the network, its steps, and where its codes
    [layers, steps] lie in the blob."""
    packed: dict[str, Any] = {}
    for quantity in PICTURES:
        shown = _shown(run, quantity)
        layers = list(shown)
        if not layers or (quantity == "dead" and not hidden(run)):  # nothing of it can be dead
            continue
        steps = np.unique([step for points in shown.values() for step in points])
        steps = steps[thinned(steps, later)]
        table = np.full((len(layers), len(steps)), -np.inf)
        for row, points in zip(table, shown.values(), strict=True):
            values = np.array([points.get(step, -np.inf) for step in steps.tolist()])
            row[:] = np.where(np.isneginf(values) & [step in points for step in steps.tolist()], np.nan, values)
        packed[quantity] = {
            "layers": layers,
            "steps": steps.tolist(),
            "at": blob.add(coded(table, quantity in LINEAR)),
        }
    return packed


def hidden(run: Run) -> int:
    """How many layers come before the last one: 0 of a linear model, which has no unit that could die or collapse."""
    return max(0, len(_shown(run, "std")) - 1)


def weight_of_pictures(run: Run, later: int) -> int:
    """How many figures `pictures` would pack."""
    total = 0
    for quantity in PICTURES:
        layers = run.recorded.get(quantity, {})
        steps = np.unique([step for points in layers.values() for step in points])
        total += len(layers) * len(thinned(steps, later))
    return total


def loss_curve(run: Run, later: int) -> dict[str, list[float | None]]:
    """The loss of single batches."""
    points = run.recorded.get("loss", {}).get("loss", {})
    steps = np.array(sorted(points), int)
    steps = steps[thinned(steps, later)]
    return {"steps": steps.tolist(), "values": [short(points[step]) for step in steps.tolist()]}


def epochs(run: Run, most: int) -> dict[str, list[float | None]]:
    """metrics.csv by column, of at most `most` epochs, evenly."""
    columns = run.epochs
    rows = sorted(
        {epoch: row for row, epoch in enumerate(columns["epoch"])}.items()
    )  # of an epoch there twice the last
    kept = [rows[i][1] for i in thinned(np.arange(len(rows)), most, dense=0)]
    return {name: [short(column[row]) for row in kept] for name, column in columns.items() if name != "step" and kept}


def broken(run: Run) -> dict[str, int]:
    """The epoch, counted from 1, in which a metric is first nan or infinite; of those that ever are."""
    bad = {name: [e for e, value in curve.items() if not math.isfinite(value)] for name, curve in run.curves.items()}
    return {name: min(epochs) + 1 for name, epochs in bad.items() if epochs}


def histograms(run: Run, blob: Blob, later: int, most: int) -> dict[str, Any]:
    """At most so many, by step and layer: the range of values, bars as sqrt(share / highest share) from 0 to 255."""
    if not run.shapes:
        return {}
    steps = np.unique([step for step, *_ in run.shapes])
    layers = list(dict.fromkeys(layer for _, layer, *_ in run.shapes))
    while later > 5 and len(thinned(steps, later)) * len(layers) > most:
        later //= 2
    kept = {*steps[thinned(steps, later)].tolist()}
    functions = run.recorded.get("saturated", {})
    place = {name: i for i, name in enumerate(layers)}
    entries, bars = [], []
    for step, layer, low, high, text in run.shapes:
        if step not in kept or not _numbers(text):
            continue
        counts = np.array(text.split(), float)
        if not len(counts) or not counts.max() > 0 or not np.isfinite(low + high):
            continue
        bars.append(np.round(255 * np.sqrt(counts / counts.max())).astype(np.uint8))
        ends = np.linspace(low, high, len(counts) + 1)
        middles, shares = (ends[1:] + ends[:-1]) / 2, counts / counts.sum()
        std = math.sqrt(shares @ (middles - shares @ middles) ** 2)
        entries.append([step, place[layer], len(counts), short(low), short(high), short(std)])
    if not entries:
        return {}
    return {
        "layers": layers,
        "functions": [name in functions for name in layers],
        "steps": sorted({entry[0] for entry in entries}),
        "entries": entries,
        "at": blob.add(np.concatenate(bars)),
    }


def guessing_lines(run: Run) -> dict[str, float]:
    """Loss and accuracy of guessing among the classes, as many as the network has outputs; empty without classes."""
    widths = run.forecast.get("widths")
    classes = widths[-1] if isinstance(widths, list) and widths and isinstance(widths[-1], int) else 0
    return {"loss": math.log(classes), "acc": 1 / classes} if classes > 1 and "train/acc" in run.epochs else {}


def forecast(run: Run) -> dict[str, Any]:
    """Prediction, band and what was measured at the first step, by layer; empty without a forecast or a signal.

    Gradients are over that of the last hidden layer, which is what a forecast can say of them.
    """
    predicted = read_prediction(run)
    if not predicted.layers or not run.recorded:
        return {}
    before_last = predicted.layers[:-1]
    panels = {"std": _panel(predicted.layers, ("std", "low", "high"), _at_first(run, "std"))}
    grads = _at_first(run, "grad_std")
    last = grads.get(before_last[-1].name, 0.0) if before_last else 0.0
    if last > 0:
        measured = {name: value / last for name, value in grads.items()}
        low, high = limits_of(predicted.kind, predicted.bounded)
        zone = {"zone": [10**low, 10**high], "kind": {"sgd": "SGD", "adam": "Adam"}[predicted.kind]}
        panels["grad"] = _panel(before_last, ("grad", "grad_low", "grad_high"), measured) | zone
    return panels


def _panel(layers: Sequence[PredictedLayer], names: tuple[str, str, str], measured: dict[str, float]) -> dict[str, Any]:
    columns = zip(("value", "low", "high"), names, strict=True)
    return {
        "layers": [layer.name for layer in layers],
        **{column: [short(getattr(layer, name)) for layer in layers] for column, name in columns},
        "measured": [short(measured.get(layer.name)) for layer in layers],
    }


def _at_first(run: Run, quantity: str) -> dict[str, float]:
    """By layer, at the first step that was recorded."""
    layers = run.recorded.get(quantity, {})
    first = min((step for points in layers.values() for step in points), default=0)
    return {name: points[first] for name, points in layers.items() if first in points}


def short(value: Any) -> float | None:
    """Six digits; None for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _shown(run: Run, quantity: str) -> dict[str, dict[int, float]]:
    """Dead units: of activation functions; ratios: of weights, not biases; the others: of the layers between the
    functions, as a function changes the size of what it gets by a factor of its own and would only add stripes."""
    layers, functions = run.recorded.get(quantity, {}), run.recorded.get("saturated", {})
    if quantity == "update_ratio":
        chosen = [name for name in layers if not name.endswith("bias")]
    else:
        chosen = [name for name in layers if (name in functions) == (quantity == "dead")]
    return {name: layers[name] for name in chosen or layers}


def _numbers(text: str) -> bool:
    return text.replace(" ", "").isdigit()
