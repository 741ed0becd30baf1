"""The layers' figures as a table in the terminal: before the first update, and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import ROUNDED
from rich.table import Table

from initlab.console import CONSOLE, HEAD, TAIL
from initlab.diagnosis.outline import Rows
from initlab.monitor.observer import Observer, Recording, Row
from initlab.numbers import tail

if TYPE_CHECKING:
    import lightning as L

NAME_WIDTH = 17  # characters of a layer's name; of longer ones the end, which tells them apart
COLUMNS = {  # heading: quantity, how it is written
    "mean": ("mean", "{:.2g}"),
    "std": ("std", "{:.2g}"),
    "dead": ("dead", "{:.0%}"),
    "sat.": ("saturated", "{:.0%}"),
    "grad std": ("grad_std", "{:.1e}"),
    "update": ("update_ratio", "{:.1e}"),
}


class LayerTable(Observer):
    """An observer of `SignalMonitor`: prints the table of step 0 as soon as it is known, and the last one."""

    def on_start(self, monitor: Recording) -> None:
        self._shown = False

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None:
        if not self._shown:
            self._shown = True
            first = rows[0]["step"]
            CONSOLE.print(layer_table(monitor.history, first, f"the layers at step {first}"))

    def on_end(self, monitor: Recording, trainer: L.Trainer) -> None:
        layers = monitor.history.layers("std")
        if layers:
            last = monitor.history.series(layers[0], "std")[0][-1]
            CONSOLE.print(layer_table(monitor.history, last, f"the layers at the end, up to step {last}"))


def layer_table(history: Rows, step: int, title: str) -> Table:
    """A line a layer: mean and std of its output, dead units, saturated entries, std of the gradient, and
    ||update|| / ||weight|| of its weight; each the latest recorded up to `step`. The middle of a deep net is left out.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=ROUNDED)
    table.add_column("layer", no_wrap=True)
    for heading in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    layers = history.layers("std")
    left_out = range(HEAD, len(layers) - TAIL)
    for i, layer in enumerate(layers):
        if i not in left_out:
            table.add_row(tail(layer, NAME_WIDTH), *_cells(history, layer, step))
        elif i == left_out[0]:
            table.add_row(f"... {len(left_out)} more")
    return table


def _cells(history: Rows, layer: str, step: int) -> list[str]:
    cells = []
    for quantity, form in COLUMNS.values():
        name = f"{layer}.weight" if quantity == "update_ratio" else layer
        steps, values = history.series(name, quantity)
        known = [value for at, value in zip(steps, values, strict=True) if at <= step]
        cells.append(form.format(known[-1]) if known else "")
    return cells
