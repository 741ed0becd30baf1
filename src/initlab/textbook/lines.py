"""Pictures of lines: metrics against epochs, a quantity against the layers or the steps."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.errors import UserError
from initlab.plots.style import COLOURS, FAINT, SMALL, TEXT
from initlab.runs.open_run import Run
from initlab.textbook.page import Page
from initlab.textbook.panels import (
    MOST_NAMES,
    Runs,
    axis_name,
    draw_diamonds,
    draw_line,
    finish,
    label_of,
    mean_of,
    new_panels,
    published_values,
)
from initlab.textbook.picture import Picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {  # of a quantity, on its axis
    "std": "std of the output", "mean": "mean of the output", "saturated": "share saturated", "active": "share active",
    "dead": "share of dead units", "grad_std": "std of the gradient", "grad_norm": "norm of the gradient",
    "weight_norm": "norm of the weights", "update_ratio": "update : weight",
}  # fmt: skip


def curve(page: Page, picture: Picture, runs: Runs) -> Figure:
    """Metrics against epochs: mean and one std over the seeds, a colour a setting; training dashed, as on the page."""
    figure, panels = new_panels(page, picture, runs)
    for ax, inside in panels:
        for i, (setting, there) in enumerate(inside.items()):
            for k, name in enumerate(picture.figures):
                tables = [run.metrics.set_index("epoch") for run in there]
                for table in tables:
                    if name not in table:
                        known = ", ".join(c for c in table.columns if c != "step")
                        raise UserError(f"{page.name}: picture.figure={name}: the runs report no such figure ({known})")
                values = np.stack([_aligned(table[name], tables[0].index) for table in tables])
                epochs = np.asarray(tables[0].index) + 1
                label = label_of(page, picture, setting, name if len(picture.figures) > 1 else "")
                train = name.startswith("train/")
                shade = FAINT if train and len(inside) == 1 and k else COLOURS[i % len(COLOURS)]
                draw_line(ax, epochs, values, i, picture.log, label, shade, dashed=train, marked=len(epochs) <= 15)
                found = {
                    (m.when + 1 if isinstance(m.when, int) else int(epochs[-1])): v
                    for m, v in published_values(page, setting)
                    if m.name == name
                }
                draw_diamonds(ax, list(found), list(found.values()), shade)
        last = max(len(run.metrics) for there in inside.values() for run in there)
        ax.set_xlabel("epoch", fontsize=TEXT, color=FAINT)
        ax.set_xticks(sorted({1, *range(max(1, last // 5), last + 1, max(1, last // 5))}))
        ax.set_ylabel(axis_name(picture.figures), fontsize=TEXT, color=FAINT)
    return finish(figure, panels, picture)


def depth(page: Page, picture: Picture, runs: Runs) -> Figure:
    """A quantity of each layer at one step against the layer."""
    figure, panels = new_panels(page, picture, runs)
    for ax, inside in panels:
        names: list[str] = []
        for i, (setting, there) in enumerate(inside.items()):
            layers = _layers(page, picture, there[0])
            names = layers if len(layers) > len(names) else names
            values = np.stack([_at_step(run.rows, picture, layers) for run in there])
            label = label_of(page, picture, setting, "")
            colour = COLOURS[i % len(COLOURS)]
            draw_line(
                ax,
                np.arange(len(layers)),
                values,
                i,
                picture.log,
                label + ("" if picture.panels else _ended(there)),  # one legend for all panels
                colour,
                marked=len(layers) <= 25,
            )
            if picture.log:
                _mark_lost(ax, values, colour, i)
            found = {
                m.of_layer[0]: v
                for m, v in published_values(page, setting)
                if m.of_layer and m.of_layer[1] == picture.quantity
            }
            at = [layer for layer in found if layer in layers]
            draw_diamonds(ax, [layers.index(layer) for layer in at], [found[layer] for layer in at], colour)
        every = -(-len(names) // MOST_NAMES)
        ax.set_xticks(range(0, len(names), every), names[::every])
        if max(map(len, names)) * len(names[::every]) > 60 / len(panels):
            ax.tick_params(axis="x", labelrotation=45)
        ax.set_ylabel(NAMES.get(picture.quantity, picture.quantity), fontsize=TEXT, color=FAINT)
    return finish(figure, panels, picture)


def time(page: Page, picture: Picture, runs: Runs) -> Figure:
    """A quantity of each layer against the step, mean over the seeds, a panel a setting; depth is told by lightness."""
    from matplotlib import colormaps

    figure, panels = new_panels(page, picture, runs, one_each=True)
    for ax, inside in panels:
        ((_, there),) = inside.items()
        layers = _layers(page, picture, there[0])
        colours = colormaps["viridis"](np.linspace(0.05, 0.9, len(layers)))
        for colour, layer in zip(colours, layers, strict=True):
            steps, values = _over_steps([run.rows for run in there], picture.quantity, layer)
            mean = mean_of(values, picture.log)
            ax.plot(np.log10(1.0 + steps), mean, color=colour, linewidth=1.7, label=layer, solid_capstyle="round")
        _step_axis(ax, [run.rows for runs_there in runs.values() for run in runs_there], picture)
        ax.set_ylabel(NAMES.get(picture.quantity, picture.quantity), fontsize=TEXT, color=FAINT)
    return finish(figure, panels, picture, layers_shown=True)


def _mark_lost(ax: Axes, values: np.ndarray, colour: str, i: int) -> None:
    """Where a line ends: at the lower edge from which layer on all is exactly 0, at the upper one what is no number."""
    lost = {"0": ((values == 0).all(0), 0.03), "nan, inf": ((~np.isfinite(values)).all(0), 0.97)}
    for word, (where, y) in lost.items():
        if where.any():
            x = int(np.argmax(where))
            ax.plot([x], [y], "x", color=colour, ms=8, mew=2, transform=ax.get_xaxis_transform(), zorder=4)
            ax.annotate(
                word, (x, y), xycoords=ax.get_xaxis_transform(), xytext=(6, 10 * (i % 2) * (1 if y < 0.5 else -1)),
                textcoords="offset points", va="center", fontsize=SMALL, color=colour,
            )  # fmt: skip


def _ended(runs: Sequence[Run]) -> str:
    """`: loss 0.46`, so that a picture of the start says what came of it."""
    name = next((n for n in ("val/loss", "train/loss") if all(n in run.last for run in runs)), None)
    if name is None or max(len(run.epochs["epoch"]) for run in runs) == 0:
        return ""
    loss = float(np.mean([run.last[name] for run in runs]))
    return f": loss {loss:.3g}"


def _aligned(series: pd.Series, index: Any) -> np.ndarray:
    return np.asarray(series.reindex(index), float)


def _layers(page: Page, picture: Picture, run: Run) -> list[str]:
    """Those that are drawn, in order of depth: what the pattern says, else the layers between the activations; shares
    of saturated or dead entries are of the activations."""
    rows = run.rows
    there = list(dict.fromkeys(rows[rows["quantity"] == picture.quantity]["layer"]))
    functions = set(rows[rows["quantity"] == "saturated"]["layer"])
    if picture.layers:
        chosen = [name for name in there if fnmatch.fnmatch(name, picture.layers)]
    else:
        of_functions = picture.quantity in ("saturated", "dead")
        chosen = [name for name in there if (name in functions) == of_functions] or there
    if not chosen:
        raise UserError(f"{page.name}: picture: no layer {picture.layers} has {picture.quantity} ({', '.join(there)})")
    return chosen


def _at_step(rows: pd.DataFrame, picture: Picture, layers: Sequence[str]) -> np.ndarray:
    """[layers] values; nan where nothing was recorded then."""
    of_quantity = rows[rows["quantity"] == picture.quantity]
    steps = of_quantity["step"]
    step = {"first": steps.min(), "last": steps.max()}.get(str(picture.step), picture.step)
    at = of_quantity[steps == step].drop_duplicates("layer").set_index("layer")["value"]
    return np.asarray(at.reindex(list(layers)), float)


def _over_steps(tables: Sequence[pd.DataFrame], quantity: str, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and [runs, steps] values; the steps are the first run's."""
    found = []
    for rows in tables:
        one = rows[(rows["quantity"] == quantity) & (rows["layer"] == layer)]
        found.append(one.drop_duplicates("step", keep="last").set_index("step")["value"])
    steps = found[0].index
    return np.asarray(steps), np.stack([_aligned(series, steps) for series in found])


def _step_axis(ax: Axes, tables: Sequence[pd.DataFrame], picture: Picture) -> None:
    """log10(1 + step): most happens early."""
    last = max(int(rows[rows["quantity"] == picture.quantity]["step"].max()) for rows in tables)
    ticks = [0, *(s * 10**k for k in range(6) for s in (1, 3))]
    ticks = [s for s in ticks if np.log10(1 + last) - np.log10(1 + s) > 0.22] + [last]
    ax.set_xticks(np.log10(1.0 + np.array(ticks)), [f"{s:,}" for s in ticks])
    ax.set_xlabel("step (log scale)", fontsize=TEXT, color=FAINT)
