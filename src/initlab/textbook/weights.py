"""The weights of a layer on images, a tile a unit: what each unit has learned to look for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from initlab.errors import UserError
from initlab.plots.style import FAINT, SMALL, map_of, new_figure
from initlab.runs.open_run import Run
from initlab.textbook.page import Page
from initlab.textbook.panels import WIDTH, Runs, titled, words_in
from initlab.textbook.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNITS, ACROSS = 16, 8  # tiles of a panel: the first units, so many in a row
GAP = 2  # pixels
ROW = 1.6  # inches a row of panels


def tiles(page: Page, picture: Picture, runs: Runs) -> Figure:
    """A panel a setting, of its first seed: every tile on one scale, minus to plus the largest weight of the panel."""
    rows = -(-len(runs) // 2)
    figure = new_figure(WIDTH, ROW * rows + 0.4)
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for ax in axes[len(runs) :]:
        ax.remove()
    for ax, (setting, there) in zip(axes, runs.items(), strict=False):
        weight = _weight(page, picture, there[0])
        side = math.isqrt(weight.shape[1])
        largest = float(np.abs(weight[:UNITS]).max())
        wall = np.full((side * (UNITS // ACROSS) + GAP, side * ACROSS + GAP * (ACROSS - 1)), np.nan)
        for i, unit in enumerate(weight[:UNITS]):
            y, x = i // ACROSS * (side + GAP), i % ACROSS * (side + GAP)
            wall[y : y + side, x : x + side] = unit.reshape(side, side) / (largest or 1.0)
        ax.imshow(wall, cmap=map_of("std"), vmin=-1, vmax=1, interpolation="nearest")
        ax.set_axis_off()
        ax.set_title(words_in(setting), loc="left", fontsize=SMALL)
        size = f"largest {largest:.2g}" if largest else "all 0"
        ax.text(1, -0.03, size, transform=ax.transAxes, ha="right", va="top", fontsize=8, color=FAINT)
    return titled(figure, picture)


def _weight(page: Page, picture: Picture, run: Run) -> np.ndarray:
    """[units, pixels]"""
    named = dict(run.model.named_parameters())
    weight = named.get(f"{picture.layer}.weight")
    if weight is None or weight.dim() != 2 or math.isqrt(weight.shape[1]) ** 2 != weight.shape[1]:
        layers = ", ".join(name.removesuffix(".weight") for name in named if name.endswith(".weight"))
        raise UserError(f"{page.name}: picture.layer={picture.layer}: no layer of square images ({layers})")
    return np.asarray(weight.detach().double())
