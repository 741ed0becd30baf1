"""The one vocabulary of colours, for plots, TensorBoard and the page, and how a plot is drawn off screen. matplotlib is
imported when one is drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from initlab.runs.atomic import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, SPINE, GRID = "#1f2430", "#6b7280", "#b9bec8", "#e6e8ec"
# Okabe and Ito 2008: told apart with any colour vision, and by their lightness in print.
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, "#000000", "#7f7f7f")
BAND = "#c6d9ec"  # around a blue line
# Of maps over layers and steps, log10 but for shares: a colour means the same number on every picture and page.
SCALES = {"std": (-4.0, 4.0), "grad_std": (-12.0, 0.0), "dead": (0.0, 1.0), "update_ratio": (-7.0, 2.0)}
DIVERGING = ("#053061", "#3480b9", "#b8d8e9", "#f7f7f5", "#fbc9ae", "#c94741", "#67001f")  # vanishing to exploding
Stops = tuple[tuple[float, str], ...]


def _tenths(colours: str) -> Stops:
    return tuple((i / 10, colour) for i, colour in enumerate(colours.split()))


_ENDS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
MAPS: dict[str, Stops] = {  # places on the scale and their colours; the last three are matplotlib's
    "std": tuple(zip(_ENDS, DIVERGING, strict=True)),  # white at 1
    "update_ratio": tuple(  # white from 1e-4 to 1e-1
        zip((0.0, 0.13, 0.25, 1 / 3, 2 / 3, 0.75, 0.87, 1.0), (*DIVERGING[:4], *DIVERGING[3:]), strict=True)
    ),
    "grad_std": _tenths(  # viridis
        "#440154 #482374 #404387 #345e8d #29788e #20908c #22a784 #44be70 #79d151 #bdde26 #fde724"
    ),
    "dead": _tenths(  # cividis
        "#00224d #083370 #35456c #4e566c #666970 #7c7b78 #948e77 #aea271 #c8b765 #e4ce51 #fde737"
    ),
    "density": _tenths(  # magma
        "#000003 #140d35 #3b0f6f #63197f #8c2980 #b63679 #dd4968 #f6705b #fd9f6c #fdcf92 #fbfcbf"
    ),
}
ZERO, NOT_FINITE, NOT_RECORDED = "#1a1a1a", "#e6007e", "#d9d9d9"
SMALL, TEXT, HEAD = 9.5, 10.5, 11.5  # points
DPI = 130


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Inches; `layout`: None where the caller places everything."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout=layout)


def map_of(quantity: str) -> Any:
    """matplotlib's colour map of a quantity."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(quantity, MAPS[quantity])


def coloured(quantity: str, shares: np.ndarray) -> np.ndarray:
    """The colours, [..., 3] of 0 to 255, of places [...] between 0 and 1 on the scale of a quantity."""
    places, colours = zip(*MAPS[quantity], strict=True)
    channels = np.array([rgb(colour) for colour in colours], float)
    return np.stack([np.interp(shares, places, channel) for channel in channels.T], -1).round().astype(np.uint8)


def rgb(colour: str) -> tuple[int, int, int]:
    """Of "#rrggbb"."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def plain(ax: Axes) -> Axes:
    """Two thin axes, no box."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[:].set_color(SPINE)
    ax.tick_params(colors=FAINT, labelsize=SMALL, which="both")
    return ax


def heading(ax: Axes, title: str, below: str = "") -> None:
    """A bold line, and a faint one under it."""
    ax.set_title(title, loc="left", fontsize=HEAD, weight="bold", color=INK, pad=22 if below else 8)
    if below:
        ax.text(0, 1.015, below, transform=ax.transAxes, fontsize=SMALL, color=FAINT, va="bottom")


def save(draw: Callable[[], Figure], path: Path, formulas: bool = False) -> None:
    """What `draw` makes as PNG, whatever style and backend the user's own plots have.

    formulas: what stands between two `$` is one, as matplotlib writes the powers of ten of a logarithmic axis. Not in a
    picture with names that are not ours: those are drawn as they are.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style.context(["default", {"text.parse_math": formulas}]), whole_file(path) as file:
        FigureCanvasAgg(draw()).print_png(file)
