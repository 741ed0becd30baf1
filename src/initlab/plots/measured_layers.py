"""What was measured of each layer of a network: its std, and the gradient that comes back to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from initlab.measurement import MeasuredLayer, Measurement
from initlab.plots.style import BAND, BLUE, FAINT, GREEN, heading, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMES = 12  # under the axis


def measured_figure(found: Measurement, limits: tuple[float, float] | None) -> Figure:
    """Layers in order of execution on x, decades on y; `limits`: of the gradient, in which a chain trains."""
    figure = new_figure(7.2, 5.6)
    forward, backward = figure.subplots(2, 1, sharex=True)
    with np.errstate(divide="ignore"):
        _panel(forward, found.layers, lambda layer: np.log10(layer.std))
    _panel(backward, found.layers, lambda layer: layer.gradient)
    heading(plain(forward), "log10 std of each layer's output", "median over the draws, and all of them between")
    below = "green: where the rule lets a chain of dense layers train" if limits else ""
    heading(plain(backward), "log10 gradient, over the last hidden layer's", below)
    ends = backward.get_ylim()
    if limits:
        backward.axhspan(*limits, color=GREEN, alpha=0.1, lw=0, zorder=0)
    backward.set_ylim(min(ends[0], -1), max(ends[1], 1))
    shown = range(0, len(found.layers), max(1, -(-len(found.layers) // MOST_NAMES)))
    names = [found.layers[i].name for i in shown]
    backward.set_xticks(list(shown), names, rotation=30, ha="right", color=FAINT, parse_math=False)
    return figure


def _panel(ax: Axes, layers: Sequence[MeasuredLayer], values: Callable[[MeasuredLayer], np.ndarray]) -> None:
    drawn = np.array([values(layer) for layer in layers])  # [layers, draws]
    drawn = np.ma.masked_invalid(drawn)
    depth = np.arange(len(layers))
    ax.fill_between(depth, drawn.min(axis=1), drawn.max(axis=1), color=BAND, lw=0)
    ax.plot(depth, np.ma.median(drawn, axis=1), color=BLUE, lw=1.2, marker="o", ms=3)
