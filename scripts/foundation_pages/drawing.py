"""The look that the pages' pictures share. matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foundation_pages.clock import duration, factor, quartiles, times_faster
from initlab.plots.evaluation import FAINT, INK

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
    figure = canvas(8.6, 1.35 + 0.235 * len(places))
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
                words, (high, y), xytext=(9, 0), textcoords="offset points", va="center", fontsize=SIZE, color=colour
            )
            above = value
            ends.append(middle)
    ax.set_xlim(min(ends) / 1.8, max(ends) * (6 if factors else 3))
    ax.set_ylim(len(places) - 1.3, -0.9)
    for y, (_, name) in enumerate(places[:-1]):
        if not name:
            ax.axhline(y, color="#e8eaee", linewidth=0.8)
    middles = [places.index((rung, lanes[rung][0])) + (len(lanes[rung]) - 1) / 2 for rung in rungs]
    ax.set_yticks(middles, rungs, fontsize=10, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda s, _: _tick(s)))
    if max(ends) < 300 * min(ends):
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
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
