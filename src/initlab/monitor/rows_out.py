"""Where a monitor's rows go: a CSV file and TensorBoard, under the same names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import lightning as L
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary

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


@lru_cache(maxsize=64)
def _summary(tags: tuple[str, ...]) -> Summary:
    """With these tags; most steps have the same, and an event holds a copy."""
    return Summary(value=[Summary.Value(tag=name) for name in tags])


class RowsOut:
    """Append rows to `<folder>/<file>` and histograms to `<folder>/histograms.csv`; one TensorBoard event a step.

    Both files read into pandas in one line: `pd.read_csv("signal.csv")`. A histogram's 64 counts are one cell,
    whole numbers with a space between.
    """

    def __init__(self, folder: str | Path, file: str) -> None:
        self.rows = RowWriter(Path(folder) / file, COLUMNS)
        self.histograms = RowWriter(Path(folder) / "histograms.csv", ("step", "layer", "low", "high", "counts"))
        self._names: dict[tuple[str, str], tuple[str, str]] = {}  # (layer, quantity) -> its CSV cells, its tag

    def begin(self, step: int) -> None:
        """Remove what the files hold of steps from `step` on: of a run before, or of a part that was killed."""
        self.rows.path.parent.mkdir(parents=True, exist_ok=True)
        for rows in (self.rows, self.histograms):
            if rows.path.exists():
                with open(rows.path, "rb") as old, whole_file(rows.path) as new:
                    new.write(next(old, b""))
                    new.writelines(line for line in old if line.endswith(b"\n") and int(line.split(b",", 1)[0]) < step)

    def write(self, trainer: L.Trainer, rows: Sequence[Row], histograms: Iterable[Histogram]) -> None:
        """Rows come in order of step."""
        writers = [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        lines = []
        for step, group in groupby(rows, key=lambda row: row["step"]):
            of_step = list(group)
            names = [self._named(row["layer"], row["quantity"]) for row in of_step]
            lines += [f"{step},{cells},{row['value']!r}\r\n" for (cells, _), row in zip(names, of_step, strict=True)]
            if writers:
                summary = _summary(tuple(name for _, name in names))
                for value, row in zip(summary.value, of_step, strict=True):
                    value.simple_value = row["value"]
                for writer in writers:
                    writer.file_writer.add_summary(summary, step)
        if lines:
            self.rows.append("".join(lines))
        if histograms := list(histograms):
            self.histograms.write(vars(h) | {"counts": " ".join(map(str, h.counts))} for h in histograms)

    def _named(self, layer: str, quantity: str) -> tuple[str, str]:
        named = self._names.get((layer, quantity))
        if named is None:
            cells = io.StringIO()
            csv.writer(cells, lineterminator="").writerow((layer, quantity))
            named = self._names[layer, quantity] = (cells.getvalue(), _tag(layer, quantity))
        return named
