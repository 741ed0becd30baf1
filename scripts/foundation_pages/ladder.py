"""The ladder that several lessons draw: seconds a rung. matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foundation_pages.clock import duration, factor, quartiles, times_faster
from initlab.plots.style import BLUE, FAINT, GREEN, GRID, INK, ORANGE, SMALL, heading, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def ladder(
    measured: Mapping[str, Mapping[str, Sequence[float]]],
    published: Mapping[str, Mapping[str, float]],
    title: str,
    below: str,
    factors: bool = True,
) -> Figure:
    """Rungs down, seconds across on a log scale: dots are medians here with quartiles, open diamonds what is published.

    measured: by device or library, by rung, the seconds of every round; with `factors`, beside a dot stands how many
        times faster it is than the rung above. published: by source, by rung, seconds.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    series: dict[str, Mapping[str, Any]] = {**measured, **published}
    rungs = list(dict.fromkeys(rung for of in series.values() for rung in of))
    lanes = {rung: [name for name, of in series.items() if rung in of] for rung in rungs}  # one each, so none overlap
    places = [(rung, name) for rung in rungs for name in [*lanes[rung], ""]]
    colours = dict(zip(measured, (BLUE, ORANGE, GREEN), strict=False)) | dict.fromkeys(published, FAINT)
    marks = dict.fromkeys(measured, "o") | dict(zip(published, "Ds", strict=False))
    figure = new_figure(8.6, 1.35 + 0.235 * len(places))
    ax = plain(figure.add_subplot())
    ax.set_xscale("log")
    ends = []
    for name, of in series.items():
        above: Sequence[float] | None = None
        for rung, value in of.items():
            y = places.index((rung, name))
            low, middle, high = quartiles(value) if name in measured else (value,) * 3
            ax.plot([low, high], [y, y], color=colours[name], linewidth=4, alpha=0.4, solid_capstyle="round")
            ax.plot(
                middle, y, marks[name], color=colours[name], markersize=6.5, zorder=3,
                fillstyle="full" if name in measured else "none", label=name if rung == next(iter(of)) else None,
            )  # fmt: skip
            words = duration(middle)
            if above is not None and factors and name in measured:
                words += f"   {factor(times_faster(above, value))}"
            colour = INK if name in measured else FAINT
            ax.annotate(
                words, (high, y), xytext=(9, 0), textcoords="offset points", va="center", fontsize=SMALL, color=colour
            )
            above = value
            ends.append(middle)
    ax.set_xlim(min(ends) / 1.8, max(ends) * (6 if factors else 3))
    ax.set_ylim(len(places) - 1.3, -0.9)
    for y, (_, name) in enumerate(places[:-1]):
        if not name:
            ax.axhline(y, color=GRID, linewidth=0.8)
    middles = [places.index((rung, lanes[rung][0])) + (len(lanes[rung]) - 1) / 2 for rung in rungs]
    ax.set_yticks(middles, rungs, fontsize=10, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda s, _: _tick(s)))
    if max(ends) < 300 * min(ends):
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(axis="x", color=GRID, linewidth=0.8, zorder=0)
    ax.set_axisbelow(True)
    heading(ax, title, below)
    figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=SMALL, labelcolor=INK)
    return figure


def _tick(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.999 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1e9:g} ns"
