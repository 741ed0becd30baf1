"""The whole net on one card: every layer's signal over the run, drawn from rows alone.

matplotlib is imported when a picture is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from initlab.diagnosis.outline import Rows
from initlab.plots.style import FAINT, NOT_FINITE, NOT_RECORDED, SCALES, ZERO, map_of, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES_SHOWN = 15  # layer names left of a panel; of more layers every second, third, ... is named
END = 0.15  # decades that the first and the last sample reach out to, half of what is between steps 0 and 1
WIDTH, RIGHT, FOOT, LETTER = 6.6, 0.5, 0.05, 0.068  # inches: figure, space for numbers, below all, a letter
PANEL, UNDER, ABOVE = 2.75, 0.5, 0.45  # inches: a panel's height, and of it below and above the map
PANELS = {
    "std": (
        "log10 std of the output",
        "even down each column: healthy (white: std 1); ever bluer: vanishing, redder: exploding",
    ),
    "grad_std": (
        "log10 std of the gradient",
        "even down each column: all layers learn alike; dark at the top: none reaches the first",
    ),
    "dead": ("share of dead units", "units that are 0 for the whole batch; blue: few, yellow: the layer is off"),
}


def whole_net(history: Rows) -> Figure:
    """One card for the whole net: heat maps depth x step of log10 std, gradient std and dead share, as recorded.

    Places are computed here: matplotlib's own layout takes as long again as the drawing.
    """
    quantities = [quantity for quantity in PANELS if history.layers(quantity)]
    height = FOOT + PANEL * max(len(quantities), 1)
    figure = new_figure(WIDTH, height, layout=None, dpi=110)
    if not quantities:
        figure.text(0.5, 0.5, "nothing was recorded", ha="center", va="center")
        return figure
    longest = max(len(name) for quantity in quantities for name in shown_layers(history, quantity))
    left = 0.25 + LETTER * longest
    panels = []
    for i, quantity in enumerate(quantities):
        bottom = FOOT + PANEL * (len(quantities) - 1 - i) + UNDER
        box = (left / WIDTH, bottom / height, (WIDTH - left - RIGHT) / WIDTH, (PANEL - UNDER - ABOVE) / height)
        panels.append(figure.add_axes(box))
        heat_map(history, quantity, panels[-1])
    limits = [ax.get_xlim() for ax in panels]  # one axis for all, though some are recorded less often
    for ax in panels:
        ax.set_xlim(min(left for left, _ in limits), max(right for _, right in limits))
    return figure


def heat_map(history: Rows, quantity: str, ax: Axes) -> None:
    """Depth x step of one quantity, the first layer at the top; the step axis is logarithmic, as most happens early.

    std and grad_std are shown as log10. 0 has a colour of its own, and so has what is not finite.
    """
    layers = shown_layers(history, quantity)
    steps, table = table_of(history, quantity, layers)
    title, caption = PANELS.get(quantity, (quantity, ""))
    edges = step_edges(steps)
    rows = np.arange(len(layers) + 1) - 0.5
    values, limits = _scaled(quantity, table), SCALES[quantity]
    mesh = ax.pcolormesh(
        edges, rows, np.ma.masked_invalid(values), cmap=map_of(quantity), vmin=limits[0], vmax=limits[1]
    )
    marks = {"exactly 0": (table == 0, ZERO), "nan or inf": (~np.isfinite(table) & ~_absent(table), NOT_FINITE)}
    if quantity == "dead":
        del marks["exactly 0"]
    _mark(ax, edges, rows, marks)
    ax.set_facecolor(NOT_RECORDED)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.015, fraction=0.05, extend=_extend(values, limits))
    bar.ax.tick_params(labelsize=8)
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", pad=17)
    ax.text(0, 1.015, caption, transform=ax.transAxes, fontsize=8, color=FAINT, va="bottom")
    ax.invert_yaxis()
    every = -(-len(layers) // NAMES_SHOWN)
    ax.set_yticks(range(0, len(layers), every), layers[::every], fontsize=8)
    ax.set_xlim(edges[0], edges[-1])
    step_ticks(ax, steps)


def shown_layers(history: Rows, quantity: str) -> list[str]:
    """Dead units: of activation functions; the others: of the layers between them, as a function changes the size of
    what it gets by a factor of its own and would only add stripes. Of all layers where there are no such."""
    layers, functions = history.layers(quantity), set(history.layers("saturated"))
    return [name for name in layers if (name in functions) == (quantity == "dead")] or layers


def table_of(history: Rows, quantity: str, layers: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Steps, ascending, and [layers, steps] values; -inf where a layer has none at a step."""
    series = [history.series(layer, quantity) for layer in layers]
    steps = np.unique(np.concatenate([np.asarray(s, np.int64) for s, _ in series]))
    table = np.full((len(layers), len(steps)), -np.inf)
    for row, (at, values) in zip(table, series, strict=True):
        row[np.searchsorted(steps, at)] = values
    return steps, table


def step_edges(steps: np.ndarray) -> np.ndarray:
    """Borders between samples on the axis log10(1 + step): half-way to each neighbour, at most `END` at the ends."""
    at = np.log10(1.0 + steps)
    middle = (at[1:] + at[:-1]) / 2
    first, last = (min(END, middle[0] - at[0]), min(END, at[-1] - middle[-1])) if len(middle) else (END, END)
    return np.concatenate([[at[0] - first], middle, [at[-1] + last]])


def step_ticks(ax: Axes, steps: np.ndarray) -> None:
    """0, 1, 10, 100, ... and the last step, on the axis of `step_edges`."""
    last = int(steps[-1])
    ticks = [s for s in (0, 1, 3, *(10**k for k in range(1, 10)), *(3 * 10**k for k in range(1, 9))) if s >= steps[0]]
    ticks = [s for s in ticks if np.log10(1 + last) - np.log10(1 + s) > 0.18] + [last]
    ax.set_xticks(np.log10(1.0 + np.array(ticks)), [f"{s:,}" for s in ticks], fontsize=8)
    ax.set_xlabel("step (log scale)", fontsize=8.5)


def _absent(table: np.ndarray) -> np.ndarray:
    return np.isneginf(table)


def _scaled(quantity: str, table: np.ndarray) -> np.ndarray:
    """What the colours stand for; nan: no colour."""
    finite = np.isfinite(table)
    if quantity == "dead":
        return np.where(finite, table, np.nan)
    positive = finite & (table > 0)
    return np.where(positive, np.log10(np.where(positive, table, 1.0)), np.nan)


def _extend(values: np.ndarray, limits: tuple[float, float]) -> str:
    below, above = bool((values < limits[0]).any()), bool((values > limits[1]).any())
    return {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}[below, above]


def _mark(ax: Axes, edges: np.ndarray, rows: np.ndarray, marks: dict[str, tuple[np.ndarray, str]]) -> None:
    """Paint what has no place on the scale, and say so below."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    shown = []
    for name, (where, colour) in marks.items():
        if where.any():
            ax.pcolormesh(edges, rows, np.ma.masked_where(~where, np.ones(where.shape)), cmap=ListedColormap([colour]))
            shown.append(Patch(color=colour, label=name))
    if shown:
        ax.legend(handles=shown, loc="upper right", bbox_to_anchor=(1, -0.06), ncols=2, fontsize=8, frameon=False)
