"""What was predicted of the layers, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from initlab.diagnosis.outline import Rows
from initlab.diagnosis.prediction import PredictedLayer, Prediction, read_prediction
from initlab.diagnosis.trend import values_of
from initlab.limits import limits_of
from initlab.monitor.observer import Observer, Recording, Row
from initlab.monitor.rows_out import tensorboard_writers
from initlab.plots.canvas import HEAD, SMALL, TEXT, Canvas
from initlab.plots.style import BAND, BLUE, FAINT, GRID, ORANGE, SPINE
from initlab.runs import Run

if TYPE_CHECKING:
    import lightning as L

TAG = "whole net/forecast and measurement at step 0"
SPAN = 2.0  # decades at least: less is noise, and should look flat
WIDTH, LEFT, RIGHT = 726, 62, 14  # pixels: the picture, left and right of a panel
ABOVE, HEIGHT, BELOW = 50, 200, 50  # of a panel: title and legend, the curves, its axis
DECADES, LAYERS = 5, 12  # so many of each are named on their axis at most
ZONE = "#e0f2ec"  # where the optimiser trains


class ForecastOverlay(Observer):
    """An observer of `SignalMonitor`: where the run's folder has a forecast.json, a picture in TensorBoard (depth on x;
    predicted line and band, measured dots; forwards and backwards)."""

    def on_start(self, monitor: Recording) -> None:
        self._drawn = False
        self._predicted = read_prediction(Run.lenient(monitor.folder)) if monitor.folder else Prediction()

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None:
        if not self._drawn:
            self._draw(monitor, trainer)

    def _draw(self, monitor: Recording, trainer: L.Trainer) -> None:
        self._drawn = True
        writers = tensorboard_writers(trainer)
        steps = [values_of(monitor.history, layer.name, "std")[0] for layer in self._predicted.layers]
        if len(steps) < 2 or not writers or not all(len(s) and s[0] == 0 for s in steps):
            return
        picture = forecast_picture(monitor.history, self._predicted)
        for writer in writers:
            writer.add_image(TAG, picture, 0, dataformats="HWC")


@dataclass(frozen=True)
class Curves:
    """By layer, [layers]: a predicted line in its band, measured dots; nan is a gap."""

    line: np.ndarray
    low: np.ndarray
    high: np.ndarray
    dots: np.ndarray

    def decades(self) -> tuple[float, float]:
        """From where to where they go, log10: `SPAN` at least, with a little room."""
        values = np.concatenate([self.line, self.low, self.high, self.dots])
        known = np.log10(values[np.isfinite(values) & (values > 0)])
        if not known.size:
            return -SPAN / 2, SPAN / 2
        middle, half = (known.max() + known.min()) / 2, max(SPAN, 1.1 * (known.max() - known.min())) / 2
        return middle - half, middle + half


def forward(history: Rows, layers: Sequence[PredictedLayer]) -> Curves:
    dots = np.array([_first(history, layer.name, "std") for layer in layers])
    line, low, high = _predicted(layers, "std", "low", "high")
    return Curves(line, low, high, dots)


def backward(history: Rows, layers: Sequence[PredictedLayer]) -> Curves:
    """Of the gradients there, over that of the last hidden layer."""
    gradients = np.array([_first(history, layer.name, "grad_std") for layer in layers[:-1]])
    line, low, high = _predicted(layers[:-1], "grad", "grad_low", "grad_high")
    with np.errstate(divide="ignore", invalid="ignore"):  # of a network that has left float32: drawn as gaps
        return Curves(line, low, high, gradients / gradients[-1])


def forecast_picture(history: Rows, predicted: Prediction) -> np.ndarray:
    """Forwards and backwards, one below the other, [height, width, 3]: depth on x, log scale on y."""
    canvas = Canvas(WIDTH, 2 * (ABOVE + HEIGHT + BELOW), finer=3)
    curves = forward(history, predicted.layers)
    canvas.words(LEFT, 21, "std of each layer's output, before the first step", HEAD, bold=True)
    _legend(canvas)
    _panel(canvas, ABOVE, curves)
    top = ABOVE + HEIGHT + BELOW
    title = "std of the gradient there, over that of the last hidden layer"
    canvas.words(LEFT, top + 21, title, HEAD, bold=True)
    zone = limits_of(predicted.kind, predicted.bounded)
    canvas.words(LEFT, top + 41, f"green: {'SGD' if predicted.kind == 'sgd' else 'Adam'} trains", TEXT, colour=FAINT)
    _panel(canvas, top + ABOVE, backward(history, predicted.layers), zone)
    return canvas.pixels()


def _legend(canvas: Canvas) -> None:
    canvas.line([(LEFT, 37), (LEFT + 18, 37)], BLUE, 1.5)
    canvas.words(LEFT + 24, 41, "predicted", TEXT, colour=FAINT)
    canvas.box(LEFT + 100, 32, 18, 10, fill=BAND)
    canvas.words(LEFT + 124, 41, "two sigma of the draws", TEXT, colour=FAINT)
    canvas.dot(LEFT + 290, 37, 3, ORANGE)
    canvas.words(LEFT + 299, 41, "measured", TEXT, colour=FAINT)


def _panel(canvas: Canvas, top: int, curves: Curves, zone: tuple[float, float] | None = None) -> None:
    low, high = curves.decades()
    width, bottom = WIDTH - LEFT - RIGHT, top + HEIGHT
    x = LEFT + (np.arange(len(curves.line)) + 0.5) / max(len(curves.line), 1) * width

    def place(decades: np.ndarray) -> np.ndarray:
        """From the top of the canvas; what lies beyond an end is at that end."""
        return bottom - np.clip((decades - low) / (high - low), 0, 1) * HEIGHT

    def places(values: np.ndarray) -> list[tuple[float, float]]:
        """[layers] points; nan: a gap."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return list(zip(x.tolist(), place(np.log10(values)).tolist(), strict=True))

    if zone:
        lower, upper = place(np.array(zone)).tolist()
        canvas.box(LEFT, upper, width, lower - upper, fill=ZONE)
    for decade in range(math.ceil(low), math.floor(high) + 1, max(1, math.ceil((high - low) / DECADES))):
        y = float(place(np.array(decade)))
        canvas.line([(LEFT, y), (LEFT + width, y)], GRID)
        canvas.words(LEFT - 7, y, f"1e{decade}" if decade else "1", SMALL, "rm")
    for (a, b), (c, d) in zip(pairwise(places(curves.low)), pairwise(places(curves.high)), strict=True):
        if np.isfinite([a, b, c, d]).all():
            canvas.area([a, b, d, c], BAND)
    for ends in pairwise(places(curves.line)):
        if np.isfinite(ends).all():
            canvas.line(ends, BLUE, 1.5)
    for dot in places(curves.dots):
        if np.isfinite(dot).all():
            canvas.dot(*dot, 3, ORANGE)
    canvas.box(LEFT, top, width, HEIGHT, SPINE)
    for layer in range(0, len(x), -(-len(x) // LAYERS)):
        canvas.words(x[layer], bottom + 17, str(layer + 1), SMALL, "ms")
    canvas.words(LEFT + width / 2, bottom + 35, "dense layer", SMALL, "ms", FAINT)


def _predicted(layers: Sequence[PredictedLayer], *names: str) -> Iterator[np.ndarray]:
    for name in names:
        yield np.array([getattr(layer, name) for layer in layers], float)


def _first(history: Rows, layer: str, quantity: str) -> float:
    values = values_of(history, layer, quantity)[1]
    return float(values[0]) if len(values) else np.nan
