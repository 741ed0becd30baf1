"""Pictures of a sweep as a whole: a metric against one swept key, or as a map over two."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.plots.style import COLOURS, FAINT, INK, SMALL, TEXT
from initlab.runs.open_run import Run
from initlab.textbook import theory_lines
from initlab.textbook.checking import metric_of
from initlab.textbook.claim import Metric
from initlab.textbook.page import Page
from initlab.textbook.panels import Runs, axis_name, draw_line, finish, new_panels
from initlab.textbook.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 20.0  # largest over smallest value of a key from which its axis is logarithmic
MAP = "cividis"
STYLES: dict[str, tuple[str, Any]] = {
    "chi = 1": ("white", "-"),
    f"{theory_lines.XI} xi": ("white", (0, (1, 1.5))),
    "limit of the rule": ("#ff6d3a", (0, (5, 2))),
}


def against(page: Page, picture: Picture, runs: Runs) -> Figure:
    """The metric at the end against `x`, a line for each value of `lines`, the best learning rate marked by a star."""
    figure, panels = new_panels(page, picture, runs)
    metric = Metric(picture.figures[0])
    for ax, inside in panels:
        names = list(dict.fromkeys(dict(setting)[picture.lines] for setting in inside))
        for i, name in enumerate(names):
            found = {float(dict(s)[picture.x]): there for s, there in inside.items() if dict(s)[picture.lines] == name}
            at = sorted(found)
            values = [[metric_of(run, metric) for run in found[x]] for x in at]
            table = np.array([[v if math.isfinite(v) else math.nan for v in row] for row in values]).T
            colour = COLOURS[i % len(COLOURS)]
            draw_line(ax, np.array(at), table, i, picture.log, f"{_key(picture.lines)} {name}", colour, marked=True)
            if picture.x == "lr":
                means = np.nanmean(table, axis=0)
                best = int(np.nanargmax(means) if metric.name.endswith("acc") else np.nanargmin(means))
                ax.plot(at[best], means[best], "*", ms=15, color=colour, mec=INK, mew=0.6, zorder=6)
        if min(at) > 0 and max(at) / min(at) >= WIDE:
            ax.set_xscale("log")
        ax.set_xlabel(_key(picture.x), fontsize=TEXT, color=FAINT)
        ax.set_ylabel(axis_name(picture.figures), fontsize=TEXT, color=FAINT)
    return finish(figure, panels, picture)


def heat_map(page: Page, picture: Picture, runs: Runs) -> Figure:
    """The metric at the end over `x` and `y`, and over it the lines of the theory."""
    figure, panels = new_panels(page, picture, runs)
    metric = Metric(picture.figures[0])
    low, high = picture.limits or (0.0, 1.0)
    for ax, inside in panels:
        places = {(float(dict(s)[picture.x]), float(dict(s)[picture.y])): there for s, there in inside.items()}
        xs, ys = (np.array(sorted({place[i] for place in places})) for i in (0, 1))
        table = np.array([[_mean([metric_of(r, metric) for r in places[x, y]]) for x in xs] for y in ys])
        logarithmic = min(ys) > 0 and max(ys) / min(ys) >= 4
        ends_x, ends_y = _ends(xs, False), _ends(ys, logarithmic)
        mesh = ax.pcolormesh(ends_x, ends_y, table, cmap=MAP, vmin=low, vmax=high)
        if logarithmic:
            ax.set_yscale("log")
            ax.set_yticks(ys, [f"{y:g}" for y in ys])
            ax.minorticks_off()
        if (picture.x, picture.y) in theory_lines.AXES:
            _draw_theory(ax, next(iter(places.values()))[0], picture, ends_x, ends_y)
        ax.set_xlabel(_key(picture.x), fontsize=TEXT, color=FAINT)
        ax.set_ylabel(_key(picture.y), fontsize=TEXT, color=FAINT)
    bar = figure.colorbar(mesh, ax=[ax for ax, _ in panels], pad=0.015, fraction=0.04)
    bar.set_label(axis_name(picture.figures), color=FAINT, fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL, colors=FAINT)
    return finish(figure, panels, replace(picture, limits=()), grid=False)  # those of the colours


def _draw_theory(ax: Axes, run: Run, picture: Picture, x: np.ndarray, y: np.ndarray) -> None:
    from matplotlib.patheffects import withStroke

    outlined: list[Any] = [withStroke(linewidth=3.2, foreground="#1a1a1a")]
    for level in theory_lines.levels(run, picture.x, picture.y, (x[0], x[-1]), (y[0], y[-1])):
        colour, style = STYLES[level.label]
        values = np.ma.masked_invalid(np.clip(level.values, -1e3, 1e3))
        if values.min() < level.at < values.max():
            drawn = ax.contour(
                level.x, level.y, values, [level.at], colors=[colour], linestyles=[style], linewidths=1.8
            )
            drawn.set_path_effects(outlined)
        if level.label not in ax.get_legend_handles_labels()[1]:
            ax.plot([], [], color=colour, linestyle=style, linewidth=1.8, label=level.label, path_effects=outlined)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])


def _ends(places: np.ndarray, logarithmic: bool) -> np.ndarray:
    """Borders of the cells around these places."""
    if len(places) == 1:
        return places[0] + np.array([-0.5, 0.5])
    at = np.log(places) if logarithmic else places
    middle = (at[1:] + at[:-1]) / 2
    ends = np.concatenate([[at[0] - (middle[0] - at[0])], middle, [at[-1] + (at[-1] - middle[-1])]])
    return np.asarray(np.exp(ends) if logarithmic else ends)


def _mean(values: list[float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    return float(np.mean(finite)) if finite else math.nan


def _key(name: str) -> str:
    return {"lr": "learning rate"}.get(name, name.rsplit(".", 1)[-1])
