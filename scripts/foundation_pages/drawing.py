"""The look that the pages' pictures share. matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foundation_pages.clock import duration, factor, quartiles, times_faster
from initlab.evaluation.pictures import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008: told apart by every kind of colour vision
BLUE, ORANGE, GREEN, PINK, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"
BAND = "#c6d9ec"
SIZE = 9.5  # points of what is read


def canvas(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=130, layout="constrained")


def plain(ax: Axes) -> Axes:
    """Two thin axes, no box."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[:].set_color(FAINT)
    ax.tick_params(colors=FAINT, labelsize=SIZE)
    return ax


def heading(ax: Axes, title: str, below: str = "") -> None:
    """A bold line, and a faint one under it."""
    ax.set_title(title, loc="left", fontsize=11.5, weight="bold", color=INK, pad=22 if below else 8)
    if below:
        ax.text(0, 1.015, below, transform=ax.transAxes, fontsize=SIZE, color=FAINT, va="bottom")


def ladder(
    groups: Mapping[str, Mapping[str, Sequence[float]]],
    published: Mapping[str, Mapping[str, float]],
    title: str,
    below: str,
) -> Figure:
    """Rungs down, seconds across on a log scale: dots are medians here with quartiles, open diamonds what is published.

    groups: by device or library, by rung, the seconds of every round; beside a dot stands how many times faster it is
        than the rung above it in its group. published: by source, by rung, seconds.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    rungs = list(dict.fromkeys(rung for group in groups.values() for rung in group))
    figure = canvas(8.6, 1.7 + 0.5 * len(rungs) * max(1.0, 0.55 * len(groups)))
    ax = plain(figure.add_subplot())
    ax.set_xscale("log")
    offsets = [0.26 * (i - (len(groups) - 1) / 2) for i in range(len(groups))]
    for (name, group), offset, colour in zip(groups.items(), offsets, (BLUE, ORANGE, GREEN), strict=False):
        above: Sequence[float] | None = None
        for rung, seconds in group.items():
            y = rungs.index(rung) + offset
            low, middle, high = quartiles(seconds)
            ax.plot([low, high], [y, y], color=colour, linewidth=3, alpha=0.45, solid_capstyle="round")
            label = name if above is None else None
            ax.plot(middle, y, "o", color=colour, markersize=7, label=label, zorder=3)
            words = duration(middle) + (f"   {factor(times_faster(above, seconds))}" if above else "")
            ax.annotate(
                words, (middle, y), xytext=(9, 0), textcoords="offset points", va="center", fontsize=SIZE, color=INK
            )
            above = seconds
    for (source, values), colour in zip(published.items(), (INK, FAINT), strict=False):
        where = [rungs.index(rung) for rung in values]
        ax.plot(list(values.values()), where, "D", color=colour, markersize=6, fillstyle="none", label=source, zorder=2)
    ends = [s for group in groups.values() for x in group.values() for s in x]
    ends += [s for values in published.values() for s in values.values()]
    ax.set_xlim(min(ends) / 1.8, max(ends) * 9)
    ax.set_ylim(len(rungs) - 0.4, -0.6)
    ax.set_yticks(range(len(rungs)), rungs, fontsize=10, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda s, _: _tick(s)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(axis="x", color="#e8eaee", linewidth=0.8, zorder=0)
    ax.set_axisbelow(True)
    heading(ax, title, below)
    figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=SIZE, labelcolor=INK)
    return figure


def _tick(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.999 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1e9:g} ns"


def note(ax: Axes, x: float, y: float, words: str, **more: Any) -> None:
    ax.text(x, y, words, fontsize=SIZE, color=INK, **more)
