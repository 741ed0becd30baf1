"""What was predicted of the layers, and what was measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from initlab.diagnosis.outline import Rows
from initlab.diagnosis.prediction import PredictedLayer, Prediction, read_prediction
from initlab.diagnosis.trend import values_of
from initlab.limits import limits_of
from initlab.monitor.observer import Observer, Recording, Row
from initlab.monitor.rows_out import tensorboard_writers
from initlab.plots.style import BAND, BLUE, GREEN, ORANGE, new_figure, pixels
from initlab.runs import Run

if TYPE_CHECKING:
    import lightning as L
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TAG = "whole net/forecast and measurement at step 0"
WAIT = 30.0  # seconds; a shorter run gets the picture at its end, when the others have loaded matplotlib
SPAN = 2.0  # decades at least: less is noise, and should look flat


class ForecastOverlay(Observer):
    """An observer of `SignalMonitor`: where the run's folder has a forecast.json, a picture in TensorBoard (depth on x;
    predicted line and band, measured dots; forwards and backwards)."""

    def on_start(self, monitor: Recording) -> None:
        self._began, self._drawn = time.monotonic(), False
        self._predicted = read_prediction(Run.lenient(monitor.folder)) if monitor.folder else Prediction()

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None:
        if not self._drawn and time.monotonic() - self._began > WAIT:
            self._draw(monitor, trainer)

    def on_end(self, monitor: Recording, trainer: L.Trainer) -> None:
        if not self._drawn:
            self._draw(monitor, trainer)

    def _draw(self, monitor: Recording, trainer: L.Trainer) -> None:
        self._drawn = True
        writers = tensorboard_writers(trainer)
        steps = [values_of(monitor.history, layer.name, "std")[0] for layer in self._predicted.layers]
        if len(steps) < 2 or not writers or not all(len(s) and s[0] == 0 for s in steps):
            return
        picture = pixels(lambda: forecast_figure(monitor.history, self._predicted))
        for writer in writers:
            writer.add_image(TAG, picture, 0, dataformats="HWC")


def forecast_figure(history: Rows, predicted: Prediction) -> Figure:
    """Forwards and backwards, one below the other: depth on x, log scale on y."""
    figure = new_figure(6.6, 5.4, layout=None, dpi=110)
    figure.subplots_adjust(left=0.11, right=0.98, bottom=0.09, top=0.94, hspace=0.45)
    forward, backward = figure.subplots(2, 1)
    measured = [_first(history, layer.name, "std") for layer in predicted.layers]
    _panel(forward, predicted.layers, ("std", "low", "high"), measured)
    forward.set(title="std of each layer's output, before the first step", xlabel="dense layer")
    hidden = predicted.layers[:-1]
    gradients = np.array([_first(history, layer.name, "grad_std") for layer in hidden])
    with np.errstate(divide="ignore", invalid="ignore"):  # of a network that has left float32: drawn as gaps
        shares = gradients / gradients[-1]
    _panel(backward, hidden, ("grad", "grad_low", "grad_high"), shares)
    backward.set(title="std of the gradient there, over that of the last hidden layer", xlabel="dense layer")
    low, high = (10**decades for decades in limits_of(predicted.kind, predicted.bounded))
    if backward.get_yscale() == "log":
        ends = backward.get_ylim()
        backward.axhspan(low, high, color=GREEN, alpha=0.1, lw=0, zorder=0)
        backward.set_ylim(ends)
        backward.set_xlabel(f"dense layer; green: {'SGD' if predicted.kind == 'sgd' else 'Adam'} trains")
    forward.legend(loc="best", frameon=False, fontsize="small")
    return figure


def _panel(
    ax: Axes, predicted: Sequence[PredictedLayer], names: tuple[str, str, str], measured: Sequence[float]
) -> None:
    line, low, high = (np.array([getattr(layer, name) for layer in predicted], float) for name in names)
    depth = np.arange(1, len(predicted) + 1)
    ax.fill_between(depth, low, high, color=BAND, lw=0, label="predicted, two sigma of the draws")
    ax.plot(depth, line, color=BLUE, lw=1.2, label="predicted")
    ax.plot(depth, measured, "o", ms=3.5, color=ORANGE, label="measured")
    known = np.concatenate([line, low, high, np.asarray(measured, float)])
    known = np.log10(known[np.isfinite(known) & (known > 0)])
    if known.size:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

        ax.set_yscale("log")
        middle, half = (known.max() + known.min()) / 2, max(SPAN, 1.1 * (known.max() - known.min())) / 2
        ax.set_ylim(10 ** (middle - half), 10 ** (middle + half))
        ax.yaxis.set_major_locator(LogLocator(base=10, numticks=5))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))


def _first(history: Rows, layer: str, quantity: str) -> float:
    values = values_of(history, layer, quantity)[1]
    return float(values[0]) if len(values) else np.nan
