"""A monitor's rows, read back from its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from initlab.errors import UserError
from initlab.monitor.history import Histogram, History
from initlab.monitor.observer import Row
from initlab.runs.reader import HISTOGRAMS, SIGNAL, Reader


def read_history(run: str | Path) -> History:
    """What `signal.csv` and `histograms.csv` in the folder of a run hold.

    Raises:
        UserError: where there is no signal.csv, or it holds something else.
    """
    folder, history = Path(run), History()
    if not (folder / "signal.csv").is_file():
        raise UserError(f"{run}: no signal.csv there; name the folder of a run that SignalMonitor watched")
    history.add(read_rows(folder / "signal.csv"), read_histograms(folder / "histograms.csv"))
    return history


def read_rows(path: Path, lenient: bool = False) -> Iterator[Row]:
    """Nothing where there is no file; a last line that was cut off is left out. `lenient`: see `Reader`."""
    columns = Reader(path.parent, lenient).columns(path.name, SIGNAL)
    return (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))


def read_histograms(path: Path, lenient: bool = False) -> Iterator[Histogram]:
    """Likewise."""
    columns = Reader(path.parent, lenient).columns(path.name, HISTOGRAMS)
    for step, layer, low, high, counts in zip(*columns.values(), strict=True):
        yield Histogram(step, layer, low, high, tuple(map(int, counts.split())))
