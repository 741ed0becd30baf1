"""The picture of a page, drawn off screen from the folders of its runs; matplotlib is imported when one is drawn."""

from __future__ import annotations

import fnmatch
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.errors import UserError
from initlab.plots.style import COLOURS, FAINT, GRID, HEAD, INK, SMALL, TEXT, new_figure, plain, save
from initlab.runs import open_run
from initlab.runs.open_run import Run
from initlab.textbook.checking import folders
from initlab.textbook.claim import Metric
from initlab.textbook.page import Page, same
from initlab.textbook.picture import Picture
from initlab.textbook.running import Ran

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH, PANEL = 8.2, 3.3  # inches: the whole, the height of a row of panels
MOST_NAMES = 12  # layers named below a picture against depth, or next to one against time
NAMES = {  # of a quantity, on its axis
    "std": "std of the output", "mean": "mean of the output", "saturated": "share saturated", "active": "share active",
    "dead": "share of dead units", "grad_std": "std of the gradient", "grad_norm": "norm of the gradient",
    "weight_norm": "norm of the weights", "update_ratio": "update : weight",
}  # fmt: skip
Setting = tuple[tuple[str, str], ...]


def draw_page(page: Page, ran: Sequence[Ran], path: Path) -> None:
    """Draw the page's picture of these runs into a PNG file.

    Raises:
        UserError: no run ended, or none has what the picture is of.
    """
    picture = page.picture
    if picture is None:
        raise UserError(f"{page.name}: the page has no picture")
    runs = {setting: [open_run(f) for f in there] for setting, there in folders(ran).items()}
    if not runs:
        raise UserError(f"{page.name}: no run ended well, so there is nothing to draw")
    save(partial({"curve": _curve, "depth": _depth, "time": _time}[picture.draw], page, picture, runs), path)


def _curve(page: Page, picture: Picture, runs: Mapping[Setting, list[Run]]) -> Figure:
    """Metrics against epochs: mean and one std over the seeds, a colour a setting; training dashed, as on the page."""
    figure, panels = _panels(page, picture, runs)
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
                label = _label(page, picture, setting, name if len(picture.figures) > 1 else "")
                train = name.startswith("train/")
                shade = FAINT if train and len(inside) == 1 and k else COLOURS[i % len(COLOURS)]
                _line(ax, epochs, values, i, picture.log, label, shade, dashed=train, marked=len(epochs) <= 15)
                found = {
                    (m.when + 1 if isinstance(m.when, int) else int(epochs[-1])): v
                    for m, v in _published(page, setting)
                    if m.name == name
                }
                _diamonds(ax, list(found), list(found.values()), shade)
        last = max(len(run.metrics) for there in inside.values() for run in there)
        ax.set_xlabel("epoch", fontsize=TEXT, color=FAINT)
        ax.set_xticks(sorted({1, *range(max(1, last // 5), last + 1, max(1, last // 5))}))
        ax.set_ylabel(_axis_name(picture.figures), fontsize=TEXT, color=FAINT)
    return _finish(figure, panels, picture)


def _depth(page: Page, picture: Picture, runs: Mapping[Setting, list[Run]]) -> Figure:
    """A quantity of each layer at one step against the layer."""
    figure, panels = _panels(page, picture, runs)
    for ax, inside in panels:
        names: list[str] = []
        for i, (setting, there) in enumerate(inside.items()):
            layers = _layers(page, picture, there[0])
            names = layers if len(layers) > len(names) else names
            values = np.stack([_at_step(run.rows, picture, layers) for run in there])
            label = _label(page, picture, setting, "")
            colour = COLOURS[i % len(COLOURS)]
            _line(
                ax,
                np.arange(len(layers)),
                values,
                i,
                picture.log,
                label + _ended(there),
                colour,
                marked=len(layers) <= 25,
            )
            if picture.log:
                _mark_lost(ax, values, colour, i)
            found = {
                m.of_layer[0]: v
                for m, v in _published(page, setting)
                if m.of_layer and m.of_layer[1] == picture.quantity
            }
            at = [layer for layer in found if layer in layers]
            _diamonds(ax, [layers.index(layer) for layer in at], [found[layer] for layer in at], colour)
        every = -(-len(names) // MOST_NAMES)
        ax.set_xticks(range(0, len(names), every), names[::every])
        if max(map(len, names)) * len(names[::every]) > 60 / len(panels):
            ax.tick_params(axis="x", labelrotation=45)
        ax.set_ylabel(NAMES.get(picture.quantity, picture.quantity), fontsize=TEXT, color=FAINT)
    return _finish(figure, panels, picture)


def _time(page: Page, picture: Picture, runs: Mapping[Setting, list[Run]]) -> Figure:
    """A quantity of each layer against the step, mean over the seeds, a panel a setting; depth is told by lightness."""
    from matplotlib import colormaps

    figure, panels = _panels(page, picture, runs, one_each=True)
    for ax, inside in panels:
        ((_, there),) = inside.items()
        layers = _layers(page, picture, there[0])
        colours = colormaps["viridis"](np.linspace(0.05, 0.9, len(layers)))
        for colour, layer in zip(colours, layers, strict=True):
            steps, values = _over_steps([run.rows for run in there], picture.quantity, layer)
            mean = _mean(values, picture.log)
            ax.plot(np.log10(1.0 + steps), mean, color=colour, linewidth=1.7, label=layer, solid_capstyle="round")
        _step_axis(ax, [run.rows for runs_there in runs.values() for run in runs_there], picture)
        ax.set_ylabel(NAMES.get(picture.quantity, picture.quantity), fontsize=TEXT, color=FAINT)
    return _finish(figure, panels, picture, layers_shown=True)


def _panels(
    page: Page, picture: Picture, runs: Mapping[Setting, list[Run]], one_each: bool = False
) -> tuple[Figure, list[tuple[Axes, dict[Setting, list[Run]]]]]:
    """The figure, and in its panels the settings that belong together, with a heading where there are several."""
    groups: dict[str, dict[Setting, list[Run]]] = {}
    for setting, there in runs.items():
        heading = _words(setting) if one_each else _words(((picture.panels, dict(setting).get(picture.panels, "")),))
        groups.setdefault(heading if one_each or picture.panels else "", {})[setting] = there
    columns = 1 if len(groups) == 1 else 2
    rows = -(-len(groups) // columns)
    figure = new_figure(WIDTH, PANEL * rows + (0.5 if rows == 1 else 0.2))
    grid = figure.subplots(rows, columns, sharex=one_each, sharey=True, squeeze=False)
    flat = list(grid.flat)
    for ax in flat[len(groups) :]:
        ax.remove()
    for ax, heading in zip(flat, groups, strict=False):
        if heading and len(groups) > 1:
            ax.set_title(heading, loc="left", fontsize=TEXT, color=INK)
    return figure, list(zip(flat, groups.values(), strict=False))


def _finish(
    figure: Figure,
    panels: Sequence[tuple[Axes, Any]],
    picture: Picture,
    layers_shown: bool = False,
) -> Figure:
    """Scale, grid, marks, legend and the title, which says the result."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    for ax, _ in panels:
        if picture.log:
            ax.set_yscale("log")
            ax.yaxis.set_minor_formatter(NullFormatter())
            low, high = np.log10(picture.limits or ax.get_ylim())
            every = next(d for d in (1, 2, 5, 10, 20, 50) if (high - low) / d <= 8)
            ax.yaxis.set_major_locator(LogLocator(base=10.0**every))
            if every > 1:
                ax.yaxis.set_minor_locator(NullLocator())
        if picture.limits:
            ax.set_ylim(*picture.limits)
        for name, at in picture.mark.items():
            ax.axhline(at, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
            ax.annotate(
                name, (1, at), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                ha="left", va="center", fontsize=SMALL, color=FAINT, annotation_clip=False,
            )  # fmt: skip
        plain(ax)
        ax.grid(color=GRID, linewidth=0.8)
        ax.set_axisbelow(True)
        across = ax.get_xlabel()
        ax.label_outer()
        if ax in [ax for ax, _ in panels[-2:]]:  # also where no panel is below it
            ax.tick_params(labelbottom=True)
            ax.set_xlabel(across, fontsize=TEXT, color=FAINT)
    first = panels[0][0]
    handles, labels = max((ax.get_legend_handles_labels() for ax, _ in panels), key=lambda found: len(found[1]))
    if layers_shown and len(labels) > MOST_NAMES:
        every = -(-len(labels) // MOST_NAMES)
        keep = sorted({*range(0, len(labels), every), len(labels) - 1})
        handles, labels = [handles[i] for i in keep], [labels[i] for i in keep]
    if len(labels) > 1:
        if len(panels) == 1 and len(labels) <= 4:
            first.legend(handles, labels, fontsize=SMALL, frameon=False, labelcolor=INK)
        else:
            figure.legend(
                handles, labels, loc="outside lower center",
                ncols=min(len(labels), 4 if max(map(len, labels)) > 14 else 6), fontsize=SMALL, frameon=False,
                labelcolor=INK, handlelength=1.6, columnspacing=1.4,
            )  # fmt: skip
    title = "\n".join(textwrap.wrap(picture.title, 88))
    figure.suptitle(title, x=0.01, ha="left", fontsize=HEAD, weight="bold", color=INK)
    return figure


def _line(
    ax: Axes, x: np.ndarray, values: np.ndarray, i: int, log: bool, label: str, colour: str, *, dashed: bool = False,
    marked: bool,
) -> None:  # fmt: skip
    """Mean over the first axis, and a band of one std (of the logarithm, on a logarithmic axis); each line is a little
    thinner than the one before, so that lines that lie on each other are all seen."""
    mean = _mean(values, log)
    ax.plot(
        x, mean, color=colour, linewidth=max(1.4, 2.6 - 0.4 * i), linestyle=(0, (3, 2)) if dashed else "-",
        marker=MARKERS[i % len(MARKERS)] if marked and not dashed else None, markersize=max(3.5, 6.5 - 1.2 * i),
        label=label,
    )  # fmt: skip
    if len(values) > 1:
        with np.errstate(all="ignore"):
            if log:
                logs = np.log(np.where(values > 0, values, np.nan))
                spread = np.exp(logs.std(0, ddof=1))
                low, high = mean / spread, mean * spread
            else:
                spread = values.std(0, ddof=1)
                low, high = mean - spread, mean + spread
                if (values >= 0).all():  # a loss is never below 0
                    low = np.maximum(low, 0)
        ax.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)


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


def _published(page: Page, setting: Setting) -> Iterator[tuple[Metric, float]]:
    """The numbers that others printed of this setting, and what of."""
    for claim in page.claims:
        number = re.fullmatch(r"(\d+\.?\d*)\s*(%?)", claim.published.strip())
        if claim.figure and not claim.over and number and same(claim.where, dict(setting)):
            yield claim.figure, float(number[1]) / (100 if number[2] else 1)


def _diamonds(ax: Axes, x: Sequence[int], y: Sequence[float], colour: str) -> None:
    """Published values, as on the pages of the foundations."""
    if x:
        label = None if "published" in ax.get_legend_handles_labels()[1] else "published"
        ax.plot(x, y, "D", mfc="white", mec=colour, mew=1.8, ms=7, linestyle="none", zorder=5, label=label)


def _ended(runs: Sequence[Run]) -> str:
    """`: loss 0.46`, so that a picture of the start says what came of it."""
    name = next((n for n in ("val/loss", "train/loss") if all(n in run.last for run in runs)), None)
    if name is None or max(len(run.epochs["epoch"]) for run in runs) == 0:
        return ""
    loss = float(np.mean([run.last[name] for run in runs]))
    return f": loss {loss:.3g}"


def _mean(values: np.ndarray, log: bool) -> np.ndarray:
    """Over the first axis; the geometric one on a logarithmic axis. What is not finite, or has no logarithm, is nan."""
    with np.errstate(all="ignore"):
        finite = np.where(np.isfinite(values), values, np.nan)
        if log:
            return np.exp(np.log(np.where(finite > 0, finite, np.nan)).mean(0))
        return finite.mean(0)


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


def _label(page: Page, picture: Picture, setting: Setting, figure: str) -> str:
    """The values that tell the lines of a panel apart, with their keys."""
    words = _words(tuple((key, value) for key, value in setting if key != picture.panels))
    return ", ".join(part for part in (words, _in_words(figure) if figure else "") if part)


def _words(setting: Setting) -> str:
    return ", ".join(
        _rounded(value) if key == "init" else f"{key.rsplit('.', 1)[-1]} {_rounded(value)}" for key, value in setting
    )


def _rounded(value: str) -> str:
    """31.6228 as 31.6; a word as it is."""
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return value


def _in_words(name: str) -> str:
    """`validation loss`"""
    split, _, metric = name.partition("/")
    known = {"train": "training", "val": "validation", "test": "test"}
    if split == "error":
        return {"distance": "distance from the true weights", "b": "bias, true minus learned"}.get(
            metric, f"weight {metric[1:]}, true minus learned"
        )
    return f"{known[split]} {'accuracy' if metric == 'acc' else metric}" if split in known else name


def _axis_name(figures: Sequence[str]) -> str:
    last = figures[0].rsplit("/", 1)[-1]
    if len(figures) > 1:
        return "accuracy" if last == "acc" else last
    return _in_words(figures[0])
