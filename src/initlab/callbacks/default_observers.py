"""Who looks at the signal unless told otherwise."""

from __future__ import annotations

from initlab.callbacks.layer_table import LayerTable
from initlab.diagnosis.findings_report import FindingsReport
from initlab.forecasting.measured.first_rows import FirstRowsVerdict
from initlab.monitor.observer import Observer
from initlab.plots.forecast_overlay import ForecastOverlay
from initlab.plots.signal_pictures import SignalPictures


def default_observers(*, pictures: bool = True, table: bool = False) -> list[Observer]:
    """For `SignalMonitor(observers=...)`: the verdict on a network without a forecast, what is wrong in words, pictures
    in TensorBoard (of the forecast too, if the run has one), tables in the terminal."""
    chosen: list[Observer] = []
    if table:
        chosen.append(LayerTable())
    chosen += [FirstRowsVerdict(), FindingsReport()]
    if pictures:
        chosen += [SignalPictures(), ForecastOverlay()]
    return chosen
