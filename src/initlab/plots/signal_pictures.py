"""The pictures of a run, in TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.monitor.observer import Observer, Recording, Row
from initlab.monitor.rows_out import tensorboard_writers
from initlab.plots.colourful_dimension import colourful_dimension
from initlab.plots.whole_net import shown_layers, whole_net

if TYPE_CHECKING:
    import lightning as L

PICTURES: dict[str, Callable[[Any], np.ndarray]] = {
    "whole net/every layer at every step": whole_net,
    "whole net/where the values lie": colourful_dimension,
}
SHARE = 0.005  # of a run's time for pictures before its end
FIRST_GUESS = 0.1  # seconds for both
USUAL_RATIO = -3.0  # log10 of update : weight (Karpathy, makemore 3)
RATIO_TAG = "watched/parameters/1e-3 line/log10 update_ratio"  # stands in one chart with the parameters' ratios


class SignalPictures(Observer):
    """An observer of `SignalMonitor`: adds pictures of the `whole net` to TensorBoard at the end of the fit, and before
    that whenever the pictures so far took under half a percent of its time; and, in the chart of the ratios of update
    to weight, a line at 1e-3. A net of one layer has no pictures: its charts show as much."""

    def on_start(self, monitor: Recording) -> None:
        self._began, self._spent, self._longest = time.monotonic(), 0.0, FIRST_GUESS

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None:
        writers = tensorboard_writers(trainer)
        if not writers:
            return
        for step in dict.fromkeys(row["step"] for row in rows if row["quantity"] == "update_ratio"):
            for writer in writers:
                writer.add_scalar(RATIO_TAG, USUAL_RATIO, step)
        if self._spent + self._longest < SHARE * (time.monotonic() - self._began):
            started = time.monotonic()
            self._draw(monitor, writers, rows[-1]["step"])
            self._longest = time.monotonic() - started
            self._spent += self._longest

    def on_end(self, monitor: Recording, trainer: L.Trainer) -> None:
        writers, layers = tensorboard_writers(trainer), monitor.history.layers("std")
        if layers and writers:
            self._draw(monitor, writers, monitor.history.series(layers[0], "std")[0][-1])

    @staticmethod
    def _draw(monitor: Recording, writers: Sequence[Any], step: int) -> None:
        if len(shown_layers(monitor.history, "std")) < 2:
            return
        for tag, draw in PICTURES.items():
            picture = draw(monitor.history)
            for writer in writers:
                writer.add_image(tag, picture, step, dataformats="HWC")
