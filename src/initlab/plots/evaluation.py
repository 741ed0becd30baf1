"""Pictures of an evaluation, drawn off screen; matplotlib is imported when one is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.plots.style import FAINT, HEAD, INK, SMALL, TEXT, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG = "#2a7f62", "#b3362b"
LONGEST = 16  # letters of a class's name
MOST_NUMBERS = 20  # classes up to which every cell has its number


def confusion(matrix: Sequence[Sequence[int]], names: Sequence[str], title: str) -> Figure:
    """Share of each true class (row) that was taken for each class (column): right in green, wrong in red, each on a
    scale of its own, so that one mistake in a hundred is still seen."""
    counts = np.asarray(matrix, float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    n = len(names)
    right = np.eye(n, dtype=bool)
    shown = [_short(name) for name in names]
    longest = max(map(len, shown), default=0)
    width = max(5.5, 1.2 + 0.62 * n + 0.09 * longest)  # inches
    figure = new_figure(width, 1.9 + 0.62 * n + 0.06 * longest)
    ax = figure.add_subplot()
    ax.set_facecolor("#fafafa")
    most = max(float(shares[~right].max()) if n > 1 else 0.0, 0.02)
    ax.imshow(np.ma.masked_where(right | (counts == 0), shares), cmap="Reds", vmin=0, vmax=1.35 * most)
    ax.imshow(np.ma.masked_where(~right, shares), cmap="Greens", vmin=-0.4, vmax=1.6)
    for i in range(n) if n <= MOST_NUMBERS else ():
        for j in range(n):
            if counts[i, j]:
                share = 100 * shares[i, j]
                colour = "white" if i != j and shares[i, j] > 0.7 * most else INK
                words = f"{share:.0f}" if share >= 9.95 else f"{share:.1f}"
                weight = "bold" if i == j else "normal"
                ax.text(j, i, words, ha="center", va="center", fontsize=SMALL, color=colour, weight=weight)
    ax.set_xticks(range(n), shown, rotation=40, ha="right", rotation_mode="anchor", fontsize=10, color=INK)
    ax.set_yticks(range(n), shown, fontsize=10, color=INK)
    ax.set_xlabel("taken for", fontsize=TEXT, color=FAINT)
    ax.set_ylabel("true class", fontsize=TEXT, color=FAINT)
    ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    # of the figure, as the layout leaves room for these; a title of the axes is cut off where they are narrow
    at_left: dict[str, Any] = {"x": 0.02, "ha": "left"}
    figure.suptitle(textwrap.fill(title, int(9 * width)), fontsize=HEAD, weight="bold", color=INK, **at_left)
    below = "of each true class (row) the percentage taken for each; 0 is left out"
    figure.supxlabel(textwrap.fill(below, int(14 * width)), fontsize=SMALL, color=FAINT, **at_left)
    return figure


def mistakes(images: np.ndarray, wrong: Sequence[dict[str, Any]], names: Sequence[str], columns: int = 6) -> Figure:
    """Images [n, H, W, 1 or 3] from 0 to 1, each with what it is, what it was taken for, and how surely."""
    columns = min(columns, len(wrong))
    rows = -(-len(wrong) // columns)
    width, height, head, foot = 1.75 * columns, 2.05 * rows, 0.75, 0.55  # inches
    figure = new_figure(width, height + head + foot - 0.35, layout=None)
    top, bottom = 1 - head / figure.get_figheight(), foot / figure.get_figheight()
    grid = figure.add_gridspec(rows, columns, left=0.02, right=0.98, bottom=bottom, top=top, hspace=0.3, wspace=0.12)
    for i, (image, mistake) in enumerate(zip(images, wrong, strict=True)):
        ax = figure.add_subplot(grid[i // columns, i % columns])
        ax.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        taken, true = (_short(names[mistake[key]]) for key in ("predicted", "true"))
        ax.text(0.5, -0.05, f"{taken} {_percent(mistake['probability'])}", color=WRONG, weight="bold", **_below(ax))
        ax.text(0.5, -0.2, f"is {true}", color=INK, **_below(ax))
    figure.text(0.02, 1 - 0.14 * (1 - top), "Wrong and surest of it", fontsize=13, weight="bold", color=INK, va="top")
    figure.text(
        0.02, 1 - 0.58 * (1 - top), "red: what the model takes it for, and the probability it gives to that",
        fontsize=SMALL, color=FAINT, va="top",
    )  # fmt: skip
    return figure


def predicted(true: np.ndarray, guess: np.ndarray, title: str, metrics: dict[str, float]) -> Figure:
    """Predicted against true, and the errors next to it."""
    figure = new_figure(9.6, 4.6)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    ends = [float(min(true.min(), guess.min())), float(max(true.max(), guess.max()))]
    left.plot(ends, ends, color=FAINT, linewidth=1, zorder=1)
    left.scatter(true, guess, s=9, color=RIGHT, alpha=0.45, linewidth=0, zorder=2)
    left.set_xlabel("true", color=FAINT)
    left.set_ylabel("predicted", color=FAINT)
    if "test/r2" in metrics:
        left.set_title(f"R² = {metrics['test/r2']:.6g}", loc="left", fontsize=TEXT, color=INK)
    errors = guess - true
    right.hist(errors, bins=40, color=RIGHT, alpha=0.75, edgecolor="white", linewidth=0.6)
    right.axvline(0, color=FAINT, linewidth=1)
    right.set_xlabel("predicted - true", color=FAINT)
    right.set_ylabel("examples", color=FAINT)
    right.set_title(f"rmse {metrics['test/rmse']:.4g}, mean {errors.mean():+.2g}", loc="left", fontsize=TEXT, color=INK)
    for ax in (left, right):
        plain(ax)
    figure.suptitle(title, x=0.01, ha="left", fontsize=HEAD, weight="bold", color=INK)
    return figure


def _below(ax: Any) -> dict[str, Any]:
    return {"transform": ax.transAxes, "ha": "center", "va": "top", "fontsize": SMALL}


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _percent(probability: float) -> str:
    return ">99.9 %" if probability > 0.9995 else f"{100 * probability:.1f} %"
