"""A run's rows, thinned and packed for a page: two bytes a figure, one a bar of a histogram.

A figure is a code: 0 was not recorded, 1 is exactly 0, 2 is nan or inf; from 3 on it is log10(|value|) in steps of
1/600 decade from 1e-50 on (0.4 %, finer than any colour), or, of a share, the share in steps of 1/60000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.runs import Run
from initlab.runs.reader import number

if TYPE_CHECKING:
    import pandas as pd

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
    functions = set(_layers(run.signal, "saturated"))
    for quantity in PICTURES:
        rows = run.signal[run.signal["quantity"] == quantity]
        layers = _shown(_layers(run.signal, quantity), quantity, functions)
        rows = rows[rows["layer"].isin(layers)]
        if rows.empty:
            continue
        steps = np.unique(rows["step"].to_numpy())
        steps = steps[thinned(steps, later)]
        rows = rows[rows["step"].isin(steps)]
        table = np.full((len(layers), len(steps)), -np.inf)
        place = {name: i for i, name in enumerate(layers)}
        values = rows["value"].to_numpy().copy()
        values[np.isneginf(values)] = np.nan
        of_layer = np.array([place[name] for name in rows["layer"].cat.categories if name in place] or [0])
        known = [name for name in rows["layer"].cat.categories if name in place]
        lookup = dict(zip(known, of_layer, strict=True))
        table[rows["layer"].map(lookup).to_numpy(int), np.searchsorted(steps, rows["step"].to_numpy())] = values
        packed[quantity] = {
            "layers": layers,
            "steps": steps.tolist(),
            "at": blob.add(coded(table, quantity in LINEAR)),
        }
    return packed


def weight_of_pictures(run: Run, later: int) -> int:
    """How many figures `pictures` would pack."""
    total = 0
    for quantity in PICTURES:
        rows = run.signal[run.signal["quantity"] == quantity]
        steps = np.unique(rows["step"].to_numpy())
        total += rows["layer"].nunique() * len(thinned(steps, later))
    return total


def loss_curve(run: Run, later: int) -> dict[str, list[float | None]]:
    """The loss of single batches."""
    rows = run.series("loss", "loss")
    rows = rows.iloc[thinned(rows["step"].to_numpy(), later)]
    return {"steps": rows["step"].tolist(), "values": [short(v) for v in rows["value"]]}


def epochs(run: Run, most: int) -> dict[str, list[float | None]]:
    """metrics.csv by column, of at most `most` epochs, evenly."""
    if run.metrics.empty:
        return {}
    rows = run.metrics.sort_values("epoch", kind="stable").drop_duplicates("epoch", keep="last")
    rows = rows.iloc[thinned(rows["epoch"].to_numpy(), most, dense=0)]
    return {str(name): [short(v) for v in rows[name]] for name in rows.columns if name != "step"}


def histograms(run: Run, blob: Blob, later: int, most: int) -> dict[str, Any]:
    """At most so many, by step and layer: the range of values, bars as sqrt(share / highest share) from 0 to 255."""
    rows = run.histograms
    if rows.empty:
        return {}
    steps = np.unique(rows["step"].to_numpy())
    layers = list(dict.fromkeys(rows["layer"]))
    while later > 5 and len(thinned(steps, later)) * len(layers) > most:
        later //= 2
    steps = steps[thinned(steps, later)]
    rows = rows[rows["step"].isin(steps)]
    functions = set(_layers(run.signal, "saturated"))
    place = {name: i for i, name in enumerate(layers)}
    entries, bars = [], []
    for row in rows.itertuples(index=False):
        counts = np.fromstring(str(row.counts), sep=" ") if _numbers(str(row.counts)) else np.zeros(0)
        if not len(counts) or not counts.max() > 0 or not np.isfinite([row.low, row.high]).all():
            continue
        bars.append(np.round(255 * np.sqrt(counts / counts.max())).astype(np.uint8))
        ends = np.linspace(row.low, row.high, len(counts) + 1)
        middles = (ends[1:] + ends[:-1]) / 2
        mean = np.average(middles, weights=counts)
        std = float(np.sqrt(np.average((middles - mean) ** 2, weights=counts)))
        entries.append([row.step, place[row.layer], len(counts), short(row.low), short(row.high), short(std)])
    if not entries:
        return {}
    return {
        "layers": layers,
        "functions": [name in functions for name in layers],
        "steps": sorted({entry[0] for entry in entries}),
        "entries": entries,
        "at": blob.add(np.concatenate(bars)),
    }


def forecast(run: Run) -> dict[str, Any]:
    """Prediction, band and what was measured at the first step, by layer; empty without a forecast or a signal.

    Gradients are over that of the last hidden layer, which is what a forecast can say of them.
    """
    layers = run.forecast.get("layers")
    predicted = [one for one in layers if isinstance(one, dict)] if isinstance(layers, list) else []
    if not predicted or run.signal.empty:
        return {}
    first = run.signal[run.signal["step"] == run.signal["step"].min()]
    hidden = predicted[:-1]
    panels = {"std": _panel(predicted, ("std", "low", "high"), _by_layer(first, "std"))}
    grads = _by_layer(first, "grad_std")
    last = grads.get(str(hidden[-1].get("name")), 0.0) if hidden else 0.0
    if last > 0:
        measured = {name: value / last for name, value in grads.items()}
        panels["grad"] = _panel(hidden, ("grad", "grad_low", "grad_high"), measured)
    return panels


def _panel(layers: list[dict[str, Any]], names: tuple[str, str, str], measured: dict[str, float]) -> dict[str, Any]:
    columns = zip(("value", "low", "high"), names, strict=True)
    return {
        "layers": [str(layer.get("name")) for layer in layers],
        **{column: [short(number(layer.get(name))) for layer in layers] for column, name in columns},
        "measured": [short(measured.get(str(layer.get("name")))) for layer in layers],
    }


def _by_layer(rows: pd.DataFrame, quantity: str) -> dict[str, float]:
    chosen = rows[rows["quantity"] == quantity]
    return dict(zip(map(str, chosen["layer"]), map(float, chosen["value"]), strict=True))


def short(value: Any) -> float | None:
    """Six digits; None for what is not finite."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _layers(signal: pd.DataFrame, quantity: str) -> list[str]:
    """In the order in which they first appear, which is that of the network."""
    return list(dict.fromkeys(signal["layer"][signal["quantity"] == quantity]))


def _shown(layers: list[str], quantity: str, functions: set[str]) -> list[str]:
    """Dead units: of activation functions; ratios: of weights, not biases; the others: of the layers between the
    functions, as a function changes the size of what it gets by a factor of its own and would only add stripes."""
    if quantity == "update_ratio":
        return [name for name in layers if not name.endswith("bias")] or layers
    return [name for name in layers if (name in functions) == (quantity == "dead")] or layers


def _numbers(text: str) -> bool:
    return text.replace(" ", "").isdigit()
