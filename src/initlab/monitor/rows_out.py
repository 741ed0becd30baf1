"""Where a monitor's rows go: CSV files and TensorBoard, under the same names."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import lightning as L
from tensorboard.compat.proto.summary_pb2 import Summary

from initlab.monitor.files import Files
from initlab.monitor.guard import Guard
from initlab.monitor.history import Histogram
from initlab.monitor.observer import Row
from initlab.runs.reader import HISTOGRAMS, SIGNAL

FILE_OF_HISTOGRAMS = "histograms.csv"
LOGS = ("std", "grad_std", "update_ratio")
GROUPS = {"grad_std": "gradients", "grad_norm": "parameters", "weight_norm": "parameters", "update_ratio": "parameters"}


def tag(row: Row) -> str:
    """The row's name in TensorBoard: `watched/activations/<layer>/log10 std`, `watched/gradients/...`,
    `watched/parameters/...`: one group that is folded below train and val."""
    return _tag(row["layer"], row["quantity"])


def _tag(layer: str, quantity: str) -> str:
    if quantity == "loss":
        return "watched/loss of each batch"
    log = "log10 " if quantity in LOGS else ""
    return f"watched/{GROUPS.get(quantity, 'activations')}/{layer}/{log}{quantity}"


def _shown(row: Row) -> float:
    """What TensorBoard draws, whose axes are linear: a signal that vanishes is seen in its logarithm alone; 0 has none
    and is marked there as nan is."""
    value: float = row["value"]
    return value if row["quantity"] not in LOGS else math.log10(value) if value > 0 else math.nan


@lru_cache(maxsize=64)
def _summary(tags: tuple[str, ...]) -> Summary:
    """With these tags; most steps have the same, and an event holds a copy."""
    return Summary(value=[Summary.Value(tag=name) for name in tags])


def tensorboard_kinds() -> tuple[Any, ...]:
    """The class of TensorBoard loggers, and that of the package `pytorch_lightning` where it is imported."""
    packages = (sys.modules.get(f"{name}.loggers") for name in ("lightning.pytorch", "pytorch_lightning"))
    return tuple(package.TensorBoardLogger for package in packages if package is not None)


def tensorboard_writers(trainer: L.Trainer) -> list[Any]:
    kinds = tensorboard_kinds()
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, kinds)]


class RowsOut:
    """Append rows to `<folder>/<file>` and histograms to `<folder>/histograms.csv`; one TensorBoard event a step.

    Both files read into pandas in one line: `pd.read_csv("signal.csv")`. A histogram's 64 counts are one cell,
    whole numbers with a space between. Where a file, or TensorBoard, cannot be written, that is printed and it gets no
    more rows. See `Files` for the names.

    Args:
        others: files that share the number of the rows' file.
        histograms: whether there will be any.
    """

    def __init__(
        self, folder: Path | None, file: str, guard: Guard, *, others: Sequence[str] = (), histograms: bool = True
    ) -> None:
        self.file = file
        self.files = Files(
            folder, {file: [*SIGNAL]} | ({FILE_OF_HISTOGRAMS: [*HISTOGRAMS]} if histograms else {}), others
        )
        self._guard = guard
        self._names: dict[tuple[str, str], tuple[str, str]] = {}  # (layer, quantity) -> its CSV cells, its tag
        self._failed: set[str] = set()
        self.died: set[str] = set()  # layers that had a dead unit

    def claim(self) -> None:
        """Before the first row is written."""
        if self.files.number is not None or self.file in self._failed:
            return
        with self._guard(f"writing {self.file}", lambda: self._failed.add(self.file)):
            self.files.claim()
            path = self.files.path(self.file)
            if path is not None and path.name != self.file:
                self._guard.note(f"{self.file} or a file beside it is there already, so rows go to {path}")

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue the files of that state."""
        with self._guard(f"reading {self.file}"):
            self.files.resume(state)

    def write(self, trainer: L.Trainer, rows: Sequence[Row], histograms: Iterable[Histogram]) -> None:
        """Rows come in order of step."""
        steps = [(step, list(group)) for step, group in groupby(rows, key=lambda row: row["step"])]
        self._to(self.file, lambda: self._write_rows(steps))
        self._to(FILE_OF_HISTOGRAMS, lambda: self._write_histograms(list(histograms)))
        self._to("to TensorBoard", lambda: self._write_events(trainer, steps))

    def _to(self, what: str, write: Any) -> None:
        if what not in self._failed:
            with self._guard(f"writing {what}", lambda: self._failed.add(what)):
                write()

    def _write_rows(self, steps: list[tuple[int, list[Row]]]) -> None:
        lines = [f"{step},{self._named(row)[0]},{row['value']!r}\r\n" for step, rows in steps for row in rows]
        self.files.append(self.file, "".join(lines))

    def _write_histograms(self, histograms: list[Histogram]) -> None:
        text = io.StringIO()
        rows = (vars(h) | {"counts": " ".join(map(str, h.counts))} for h in histograms)
        csv.DictWriter(text, [*HISTOGRAMS]).writerows(rows)
        if histograms:
            self.files.append(FILE_OF_HISTOGRAMS, text.getvalue())

    def _write_events(self, trainer: L.Trainer, steps: list[tuple[int, list[Row]]]) -> None:
        writers = tensorboard_writers(trainer)
        for step, rows in steps:
            self.died |= {row["layer"] for row in rows if row["quantity"] == "dead" and row["value"] > 0}
            # No chart of dead units before one died: of most layers it would be 0 for ever.
            shown = [row for row in rows if row["quantity"] != "dead" or row["layer"] in self.died]
            for writer in writers:
                summary = _summary(tuple(self._named(row)[1] for row in shown))
                for value, row in zip(summary.value, shown, strict=True):
                    value.simple_value = _shown(row)
                writer.file_writer.add_summary(summary, step)

    def _named(self, row: Row) -> tuple[str, str]:
        layer, quantity = row["layer"], row["quantity"]
        named = self._names.get((layer, quantity))
        if named is None:
            cells = io.StringIO()
            csv.writer(cells, lineterminator="").writerow((layer, quantity))
            named = self._names[layer, quantity] = (cells.getvalue(), _tag(layer, quantity))
        return named
