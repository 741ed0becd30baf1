"""What the pictures of the textbook share: panels, lines, labels, legend and title."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.plots.style import FAINT, GRID, HEAD, INK, SMALL, TEXT, new_figure, plain
from initlab.report.captions import metric_name
from initlab.runs.open_run import Run
from initlab.textbook.claim import Metric
from initlab.textbook.page import Page, same
from initlab.textbook.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH, PANEL = 8.2, 3.3  # inches: the whole, the height of a row of panels
MOST_NAMES = 12  # layers named below a picture against depth, or next to one against time
Setting = tuple[tuple[str, str], ...]
Runs = Mapping[Setting, list[Run]]


def new_panels(
    page: Page, picture: Picture, runs: Mapping[Setting, list[Run]], one_each: bool = False
) -> tuple[Figure, list[tuple[Axes, dict[Setting, list[Run]]]]]:
    """The figure, and in its panels the settings that belong together, with a heading where there are several."""
    groups: dict[str, dict[Setting, list[Run]]] = {}
    for setting, there in runs.items():
        heading = (
            words_in(setting) if one_each else words_in(((picture.panels, dict(setting).get(picture.panels, "")),))
        )
        groups.setdefault(heading if one_each or picture.panels else "", {})[setting] = there
    columns = min(len(groups), 3 if picture.draw == "map" else 2)
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


def finish(
    figure: Figure,
    panels: Sequence[tuple[Axes, Any]],
    picture: Picture,
    layers_shown: bool = False,
    grid: bool = True,
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
        if grid:
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
    return titled(figure, picture)


def titled(figure: Figure, picture: Picture) -> Figure:
    title = "\n".join(textwrap.wrap(picture.title, 88))
    figure.suptitle(title, x=0.01, ha="left", fontsize=HEAD, weight="bold", color=INK)
    return figure


def draw_line(
    ax: Axes, x: np.ndarray, values: np.ndarray, i: int, log: bool, label: str, colour: str, *, dashed: bool = False,
    marked: bool,
) -> None:  # fmt: skip
    """Mean over the first axis, and a band of one std (of the logarithm, on a logarithmic axis); each line is a little
    thinner than the one before, so that lines that lie on each other are all seen."""
    mean = mean_of(values, log)
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


def published_values(page: Page, setting: Setting) -> Iterator[tuple[Metric, float]]:
    """The numbers that others printed of this setting, and what of."""
    for claim in page.claims:
        number = re.fullmatch(r"(\d+\.?\d*)\s*(%?)", claim.published.strip())
        if claim.figure and not claim.over and number and same(claim.where, dict(setting)):
            yield claim.figure, float(number[1]) / (100 if number[2] else 1)


def draw_diamonds(ax: Axes, x: Sequence[int], y: Sequence[float], colour: str) -> None:
    """Published values, as on the pages of the foundations."""
    if x:
        label = None if "published" in ax.get_legend_handles_labels()[1] else "published"
        ax.plot(x, y, "D", mfc="white", mec=colour, mew=1.8, ms=7, linestyle="none", zorder=5, label=label)


def mean_of(values: np.ndarray, log: bool) -> np.ndarray:
    """Over the first axis; the geometric one on a logarithmic axis. What is not finite, or has no logarithm, is nan."""
    with np.errstate(all="ignore"):
        finite = np.where(np.isfinite(values), values, np.nan)
        if log:
            return np.exp(np.log(np.where(finite > 0, finite, np.nan)).mean(0))
        return finite.mean(0)


def label_of(page: Page, picture: Picture, setting: Setting, figure: str) -> str:
    """The values that tell the lines of a panel apart, with their keys."""
    words = words_in(tuple((key, value) for key, value in setting if key != picture.panels))
    return ", ".join(part for part in (words, in_words(figure) if figure else "") if part)


def words_in(setting: Setting) -> str:
    return ", ".join(
        rounded(value) if key == "init" else f"{key.rsplit('.', 1)[-1]} {rounded(value)}" for key, value in setting
    )


def rounded(value: str) -> str:
    """31.6228 as 31.6; a word as it is."""
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return value


def in_words(name: str) -> str:
    """`validation loss`"""
    split, _, metric = name.partition("/")
    known = {"train": "training", "val": "validation", "test": "test"}
    return f"{known[split]} {'accuracy' if metric == 'acc' else metric}" if split in known else metric_name(name)


def axis_name(figures: Sequence[str]) -> str:
    last = figures[0].rsplit("/", 1)[-1]
    if len(figures) > 1:
        return "accuracy" if last == "acc" else last
    return in_words(figures[0])
