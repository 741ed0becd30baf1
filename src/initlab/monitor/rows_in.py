"""A monitor's rows, read back from its files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from initlab.errors import UserError
from initlab.monitor.history import Histogram, History
from initlab.monitor.observer import Row
from initlab.runs.reading import MOST_ROWS, read_file


def read_history(run: str | Path) -> History:
    """What `signal.csv` and `histograms.csv` in the folder of a run hold.

    Raises:
        UserError: where there is no signal.csv, or it holds something else.
    """
    folder, history = Path(run), History()
    if not (folder / "signal.csv").is_file():
        raise UserError(f"{run}: no signal.csv there; name the folder of a run that SignalMonitor watched")
    try:
        history.add(read_rows(folder / "signal.csv"), read_histograms(folder / "histograms.csv"))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{run}: signal.csv or histograms.csv is not what SignalMonitor writes ({error!r})") from error
    return history


def read_rows(path: Path) -> Iterator[Row]:
    for cells in _whole_rows(path):
        yield {
            "step": int(cells["step"]),
            "layer": cells["layer"],
            "quantity": cells["quantity"],
            "value": float(cells["value"]),
        }


def read_histograms(path: Path) -> Iterator[Histogram]:
    for cells in _whole_rows(path):
        counts = tuple(map(int, cells["counts"].split()))
        yield Histogram(int(cells["step"]), cells["layer"], float(cells["low"]), float(cells["high"]), counts)


def _whole_rows(path: Path) -> Iterator[dict[str, str]]:
    """None where there is no file; a last line that was cut off is left out."""
    try:
        text = read_file(path, MOST_ROWS).decode()
    except FileNotFoundError:
        text = ""
    return csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
