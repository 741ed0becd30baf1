"""The whole net on one card: every layer's signal over the run, painted from rows alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from initlab.diagnosis.outline import Rows
from initlab.numbers import tail
from initlab.plots.canvas import HEAD, SMALL, TEXT, Canvas
from initlab.plots.style import FAINT, MAPS, NOT_FINITE, NOT_RECORDED, SCALES, SPINE, ZERO, coloured, rgb

NAMES_SHOWN = 15  # layer names left of a panel; of more layers every second, third, ... is named
LETTERS = 32  # of a name, its end
END = 0.15  # decades that the first and the last sample reach out to, half of what is between steps 0 and 1
WIDTH, MARGIN, RIGHT = 726, 14, 64  # pixels: the card, left of the names, right of the map for its scale
ABOVE, HEIGHT, BELOW = 52, 198, 52  # of a panel: title and caption, the map, its axis
NUMBERS = {"std": 5, "grad_std": 7, "dead": 6}  # on the scale, evenly
BAR, GAP = 12, 9  # the scale's width, and what is between it and the map
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


def whole_net(history: Rows) -> np.ndarray:
    """One card for the whole net, [height, width, 3]: heat maps depth x step of log10 std, gradient std and dead share,
    as recorded."""
    quantities = [quantity for quantity in PANELS if history.layers(quantity)]
    if not quantities:
        canvas = Canvas(WIDTH, ABOVE + BELOW)
        canvas.words(WIDTH / 2, ABOVE, "nothing was recorded", TEXT, "mm")
        return canvas.pixels()
    canvas = Canvas(WIDTH, (ABOVE + HEIGHT + BELOW) * len(quantities))
    layers = {quantity: shown_layers(history, quantity) for quantity in quantities}
    tables = {quantity: table_of(history, quantity, layers[quantity]) for quantity in quantities}
    edges = {quantity: step_edges(steps) for quantity, (steps, _) in tables.items()}
    # one axis for all, though some are recorded less often
    axis = min(e[0] for e in edges.values()), max(e[-1] for e in edges.values())
    left = MARGIN + max(canvas.width_of(tail(name, LETTERS), SMALL) for names in layers.values() for name in names)
    for i, quantity in enumerate(quantities):
        _panel(canvas, left, i * (ABOVE + HEIGHT + BELOW) + ABOVE, quantity, layers[quantity], *tables[quantity], axis)
    return canvas.pixels()


def heat_map(
    quantity: str, edges: np.ndarray, table: np.ndarray, width: int, height: int, axis: tuple[float, float]
) -> np.ndarray:
    """Depth x step of one quantity, [height, width, 3], the first layer at the top, steps between these ends of the
    axis of `step_edges`. std and grad_std are shown as log10; 0 has a colour of its own, and so has what is not finite.
    """
    low, high = SCALES[quantity]
    colours = coloured(quantity, (_scaled(quantity, table) - low) / (high - low))
    for where, colour in _marks(quantity, table).values():
        colours[where] = rgb(colour)
    colours[np.isneginf(table)] = rgb(NOT_RECORDED)
    at = axis[0] + (np.arange(width) + 0.5) / width * (axis[1] - axis[0])
    column = np.clip(np.searchsorted(edges, at) - 1, 0, table.shape[1] - 1)
    row = np.arange(height) * len(table) // height
    painted: np.ndarray = colours[row][:, column]
    painted[:, (at < edges[0]) | (at > edges[-1])] = rgb(NOT_RECORDED)
    return painted


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


def step_ticks(steps: np.ndarray) -> list[int]:
    """0, 1, 3, 10, ... and the last step."""
    last = int(steps[-1])
    ticks = [s for s in (0, 1, 3, *(m * 10**k for k in range(1, 10) for m in (1, 3))) if s >= steps[0]]
    return [s for s in ticks if np.log10(1 + last) - np.log10(1 + s) > 0.18] + [last]


def _panel(
    canvas: Canvas,
    left: int,
    top: int,
    quantity: str,
    layers: Sequence[str],
    steps: np.ndarray,
    table: np.ndarray,
    axis: tuple[float, float],
) -> None:
    """A map with its names, scale and axis; `left`, `top`: of the map."""
    width, bottom = WIDTH - RIGHT - left, top + HEIGHT
    title, caption = PANELS[quantity]
    canvas.words(left, top - 27, title, HEAD, bold=True)
    canvas.words(left, top - 8, caption, TEXT, colour=FAINT)
    canvas.paint(left, top, heat_map(quantity, step_edges(steps), table, width, HEIGHT, axis))
    canvas.box(left, top, width, HEIGHT, SPINE)
    for i in range(0, len(layers), -(-len(layers) // NAMES_SHOWN)):
        canvas.words(left - 7, top + HEIGHT * (i + 0.5) / len(layers), tail(layers[i], LETTERS), SMALL, "rm")
    for step in step_ticks(steps):
        x = left + round((np.log10(1 + step) - axis[0]) / (axis[1] - axis[0]) * width)
        canvas.line([(x, bottom), (x, bottom + 4)], FAINT)
        canvas.words(x, bottom + 17, f"{step:,}", SMALL, "ms")
    canvas.words(left + width / 2, bottom + 35, "step (log scale)", SMALL, "ms", FAINT)
    _scale(canvas, left + width + GAP, top, quantity, _scaled(quantity, table))
    x = left + width
    for name, (where, colour) in reversed(_marks(quantity, table).items()):
        if where.any():
            canvas.words(x, bottom + 35, name, SMALL, "rs")
            x -= canvas.width_of(name, SMALL) + 18
            canvas.box(x, bottom + 26, 12, 9, fill=colour)
            x -= 14


def _scale(canvas: Canvas, x: int, top: int, quantity: str, values: np.ndarray) -> None:
    """What the colours mean; a tip where values lie beyond an end."""
    low, high = SCALES[quantity]
    shares = np.linspace(1, 0, HEIGHT)
    canvas.paint(x, top, np.repeat(coloured(quantity, shares)[:, None], BAR, 1))
    (_, lowest), *_, (_, highest) = MAPS[quantity]
    for beyond, y, tip, colour in ((values > high, top, -8, highest), (values < low, top + HEIGHT - 1, 8, lowest)):
        if beyond.any():
            canvas.area([(x, y), (x + BAR - 1, y), (x + BAR // 2, y + tip)], colour)
    for tick in np.linspace(low, high, NUMBERS[quantity]):
        y = top + round((high - tick) / (high - low) * (HEIGHT - 1))
        canvas.line([(x + BAR, y), (x + BAR + 3, y)], FAINT)
        canvas.words(x + BAR + 7, y, f"{tick:.1f}" if quantity == "dead" else f"{tick:.0f}", SMALL, "lm")


def _marks(quantity: str, table: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    """What has no place on the scale, and its colour."""
    marks = {"exactly 0": (table == 0, ZERO), "nan or inf": (~np.isfinite(table) & ~np.isneginf(table), NOT_FINITE)}
    if quantity == "dead":
        del marks["exactly 0"]
    return marks


def _scaled(quantity: str, table: np.ndarray) -> np.ndarray:
    """What the colours stand for; 0 where there is none."""
    if quantity == "dead":
        return np.where(np.isfinite(table), table, 0.0)
    positive = np.isfinite(table) & (table > 0)
    return np.log10(np.where(positive, table, 1.0))
