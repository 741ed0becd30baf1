"""The layers of a measured network, a line each: for a terminal, as text and in a notebook."""

from __future__ import annotations

import math

import numpy as np
from rich.box import SIMPLE_HEAD

from initlab.console import Column, show_table
from initlab.console import as_text as text_of
from initlab.measurement import MeasuredLayer, Measurement, middle, spread

WIDTH = 100  # of a table as text
LEGEND = (
    "std: of the layer's output; alike: of two inputs of the batch, 1: the layer no longer tells them apart; gradient: "
    "log10 of that with respect to the output, over that of the last layer with weights before the output layer; "
    "+-: from draw to draw, of a std in decades"
)


def columns(found: Measurement) -> list[Column]:
    layers = found.layers
    several = found.draws > 1
    every = [
        Column("layer", [layer.name for layer in layers], right=False),
        Column("kind", [layer.kind for layer in layers], right=False, rank=2),
        Column("std", [_number(middle(layer.std), ".3g") for layer in layers]),
        Column("+-", [_number(spread(_log10(layer)), ".2f") for layer in layers], rank=3),
        Column("alike", [_number(middle(layer.similarity), ".3f") for layer in layers]),
        Column("dead", [_share(middle(layer.dead)) for layer in layers], rank=1),
        Column("saturated", [_share(middle(layer.saturated)) for layer in layers], rank=1),
        Column("gradient", [_number(middle(layer.gradient), "+.2f") for layer in layers]),
        Column("+- ", [_number(spread(layer.gradient), ".2f") for layer in layers], rank=3),
    ]
    return [column for column in every if several or not column.heading.startswith("+-")]


def as_text(found: Measurement) -> str:
    return text_of(WIDTH, lambda page: show_table(columns(found), box=SIMPLE_HEAD, narrow=True, console=page))


def _number(x: float, form: str) -> str:
    return "" if math.isnan(x) else format(x, form)


def _share(x: float) -> str:
    return "" if math.isnan(x) else f"{x:.0%}"


def _log10(layer: MeasuredLayer) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(layer.std))
