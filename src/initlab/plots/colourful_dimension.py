"""The "colourful dimension" (fast.ai): every layer's histogram over the run, all layers in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from initlab.numbers import tail
from initlab.plots.canvas import HEAD, SMALL, TEXT, Canvas
from initlab.plots.style import FAINT, coloured
from initlab.plots.whole_net import step_edges

if TYPE_CHECKING:
    from initlab.monitor.history import Histogram

MOST_PANELS = 120  # of more layers only every second, third, ... is shown, and the title says so
HEIGHT, WIDTH = 96, 144  # pixels of a panel; the histograms have 64 bins, and their range changes from step to step
LETTERS = 20  # of a layer's name, its end
MARGIN, GAP, TOP = 14, (14, 24), 84  # pixels; gap across and down, and above all panels
ALMOST_ALL = 95  # percentile over the run of how far the values of a layer reach: one wild step squeezes no other
GAIN = 1000.0  # brightness is log(1 + GAIN share of the entries in a pixel): one entry in a thousand is still seen
VALUES = "#dcdcdc"  # the ends of the axis, on the dark panels
CAPTION = (
    "A panel a layer: steps across (log scale), values of its output upwards, bright where many lie.",
    "All panels have one axis: a band as wide in every layer is healthy, one that narrows from layer",
    "to layer vanishes, one that fills its panel explodes. A bright edge: saturated, or off (at 0).",
)


class Histograms(Protocol):
    """What is read of `initlab.monitor.History`."""

    def layers(self, quantity: str) -> list[str]: ...

    def histograms(self, layer: str) -> list[Histogram]: ...


def colourful_dimension(history: Histograms) -> np.ndarray:
    """log(1 + count) over step and value, a panel a layer, all with one range of values (as fast.ai's); one picture,
    [height, width, 3]."""
    recorded = [name for name in history.layers("std") if history.histograms(name)]
    every = max(1, -(-len(recorded) // MOST_PANELS))
    layers = recorded[::every]
    columns = max(4, round(len(layers) ** 0.5))
    rows = max(1, -(-len(layers) // columns))
    canvas = Canvas(2 * MARGIN + columns * (WIDTH + GAP[0]) - GAP[0], TOP + rows * (HEIGHT + GAP[1]) + MARGIN)
    ends = reach(*map(history.histograms, layers))
    for i, layer in enumerate(layers):
        x, y = MARGIN + i % columns * (WIDTH + GAP[0]), TOP + GAP[1] + i // columns * (HEIGHT + GAP[1])
        low, high, steps, shares = panel(history.histograms(layer), ends)
        canvas.paint(x, y, coloured("density", np.log1p(GAIN * shares[::-1]) / np.log1p(GAIN)))
        canvas.words(x, y - 4, tail(layer, LETTERS), SMALL)
        canvas.words(x + 3, y + 3, f"{high:.2g}", SMALL - 1, "lt", VALUES)
        canvas.words(x + 3, y + HEIGHT - 4, f"{low:.2g}", SMALL - 1, "ls", VALUES)
    title = "where the values lie" + (f": one in {every} of {len(recorded)} layers" if every > 1 else "")
    title += f", step {steps[0]:,} to {steps[-1]:,}" if layers else ": no histograms were recorded"
    canvas.words(MARGIN, 22, title, HEAD, bold=True)
    for i, line in enumerate(CAPTION):
        canvas.words(MARGIN, 43 + 17 * i, line, TEXT, colour=FAINT)
    return canvas.pixels()


def reach(*layers: Sequence[Histogram]) -> tuple[float, float]:
    """From where to where the values of all layers lie, but for a few wild steps of each."""
    lows = [-np.percentile([-h.low for h in histograms], ALMOST_ALL) for histograms in layers]
    highs = [np.percentile([h.high for h in histograms], ALMOST_ALL) for histograms in layers]
    low, high = float(min(lows, default=0.0)), float(max(highs, default=0.0))
    if not high > low:
        low, high = low - max(abs(low) * 0.5, 1e-12), low + max(abs(low) * 0.5, 1e-12)
    return low, high


def panel(histograms: Sequence[Histogram], ends: tuple[float, float]) -> tuple[float, float, np.ndarray, np.ndarray]:
    """The range of values shown, the steps, and [HEIGHT, WIDTH] shares of the entries, lowest values first, the steps
    on the axis of `step_edges`."""
    steps = np.array([histogram.step for histogram in histograms])
    low, high, shares = picture_of(histograms, ends)
    edges = step_edges(steps)
    pixels = np.linspace(edges[0], edges[-1], 2 * WIDTH + 1)[1::2]  # their middles
    return low, high, steps, shares[:, np.searchsorted(edges, pixels) - 1]


def picture_of(histograms: Sequence[Histogram], ends: tuple[float, float]) -> tuple[float, float, np.ndarray]:
    """The range of values shown, and [HEIGHT, steps]: the share of the entries in each pixel, lowest values first.

    Every histogram has bounds of its own; what is in a bin is spread evenly over the bin.
    """
    low, high = ends
    size = (high - low) / HEIGHT
    borders = np.linspace(low, high, HEIGHT + 1)
    shares = np.zeros((HEIGHT, len(histograms)))
    for column, histogram in enumerate(histograms):
        counts = np.asarray(histogram.counts, float)
        total = counts.sum()
        if total <= 0:
            continue
        if histogram.high <= histogram.low:  # all entries alike: one pixel
            at = int((histogram.low - low) / size) if size else 0
            shares[min(max(at, 0), HEIGHT - 1), column] = 1.0
            continue
        borders_of = np.linspace(histogram.low, histogram.high, len(counts) + 1)
        cumulated = np.interp(borders, borders_of, np.concatenate([[0.0], np.cumsum(counts)]) / total)
        shares[:, column] = np.diff(cumulated)
    return low + 0.0, high + 0.0, shares  # + 0.0: no minus sign before a 0
