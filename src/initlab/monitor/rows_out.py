"""Where a monitor's rows go: a CSV file and TensorBoard, under the same names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import lightning as L
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary

from initlab.monitor.fast_events import speed_up_event_files
from initlab.monitor.history import Histogram
from initlab.monitor.observer import Row
from initlab.runs.atomic import whole_file
from initlab.runs.rows import RowWriter

COLUMNS = ("step", "layer", "quantity", "value")
GROUPS = {"grad_std": "gradients", "grad_norm": "parameters", "weight_norm": "parameters", "update_ratio": "parameters"}


def tag(row: Row) -> str:
    """The row's name in TensorBoard: `activations/<layer>/std`, `gradients/<layer>/grad_std`, `parameters/...`."""
    return _tag(row["layer"], row["quantity"])


def _tag(layer: str, quantity: str) -> str:
    return "signal/loss" if quantity == "loss" else f"{GROUPS.get(quantity, 'activations')}/{layer}/{quantity}"


class RowsOut:
    """Append rows to `<folder>/<file>` and histograms to `<folder>/histograms.csv`; one TensorBoard event a step.

    Both files read into pandas in one line: `pd.read_csv("signal.csv")`. A histogram's 64 counts are one cell,
    whole numbers with a space between.
    """

    def __init__(self, folder: str | Path, file: str) -> None:
        speed_up_event_files()
        self._rows = RowWriter(Path(folder) / file, COLUMNS)
        self._histograms = RowWriter(Path(folder) / "histograms.csv", ("step", "layer", "low", "high", "counts"))
        self._names: dict[tuple[str, str], tuple[str, str]] = {}  # (layer, quantity) -> its CSV cells, its tag

    def begin(self, step: int) -> None:
        """Remove what the files hold of steps from `step` on: of a run before, or of a part that was killed."""
        self._rows.path.parent.mkdir(parents=True, exist_ok=True)
        for rows in (self._rows, self._histograms):
            if rows.path.exists():
                with open(rows.path, "rb") as old, whole_file(rows.path) as new:
                    new.write(next(old, b""))
                    new.writelines(line for line in old if line.endswith(b"\n") and int(line.split(b",", 1)[0]) < step)

    def read(self) -> tuple[Iterator[Row], Iterator[Histogram]]:
        """What the files hold, as it was recorded."""
        return map(_row, _cells(self._rows.path)), map(_histogram, _cells(self._histograms.path))

    def write(self, trainer: L.Trainer, rows: Sequence[Row], histograms: Iterable[Histogram]) -> None:
        """Rows come in order of step."""
        writers = [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        lines = []
        for step, of_step in groupby(rows, key=lambda row: row["step"]):
            values = []
            for row in of_step:
                cells, name = self._named(row["layer"], row["quantity"])
                lines.append(f"{step},{cells},{row['value']!r}\r\n")
                if writers:
                    values.append(Summary.Value(tag=name, simple_value=row["value"]))
            for writer in writers:
                writer.file_writer.add_summary(Summary(value=values), step)
        if lines:
            self._rows.append("".join(lines))
        if histograms := list(histograms):
            self._histograms.write(vars(h) | {"counts": " ".join(map(str, h.counts))} for h in histograms)

    def _named(self, layer: str, quantity: str) -> tuple[str, str]:
        named = self._names.get((layer, quantity))
        if named is None:
            cells = io.StringIO()
            csv.writer(cells, lineterminator="").writerow((layer, quantity))
            named = self._names[layer, quantity] = (cells.getvalue(), _tag(layer, quantity))
        return named


def _cells(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with open(path, newline="") as file:
            yield from csv.DictReader(file)


def _row(cells: dict[str, str]) -> Row:
    return cells | {"step": int(cells["step"]), "value": float(cells["value"])}


def _histogram(cells: dict[str, str]) -> Histogram:
    counts = tuple(map(int, cells["counts"].split()))
    return Histogram(int(cells["step"]), cells["layer"], float(cells["low"]), float(cells["high"]), counts)
