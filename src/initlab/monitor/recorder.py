"""From the numbers of samples to rows, and from there to memory and files."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch

from initlab.monitor.history import Histogram, History
from initlab.monitor.observer import Row
from initlab.monitor.rows_in import read_histograms, read_rows
from initlab.monitor.rows_out import FILE_OF_HISTOGRAMS, RowsOut
from initlab.monitor.sample import Sample


class Recorder:
    """Holds samples on their device until `collect`, then rows until `write`.

    first_nonfinite: "layer layers.3 first non-finite at step 12", of the first nan or inf in execution order.
    looked:          the latest step that was collected, -1 before.
    """

    def __init__(self, quantities: frozenset[str], out: RowsOut) -> None:
        self.history = History()
        self.first_nonfinite: str | None = None
        self.looked = -1
        self.out = out
        self._quantities = quantities
        self._waiting: list[tuple[Sample, torch.Tensor | list[float]]] = []
        self._rows: list[Row] = []
        self._histograms: list[Histogram] = []

    def take(self, sample: Sample) -> None:
        if sample.keep:
            self.out.claim()
        self._waiting.append((sample, sample.pack()))

    def collect(self) -> None:
        """Fetch what waits, in one transfer."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        there = [numbers for _, numbers in waiting if isinstance(numbers, torch.Tensor)]
        fetched = iter(torch.cat(there).cpu().split([len(numbers) for numbers in there]) if there else ())
        for sample, numbers in waiting:
            values = next(fetched).tolist() if isinstance(numbers, torch.Tensor) else numbers
            rows, histograms = sample.rows(values, self._quantities)
            self._look_for_nonfinite(sample.step, rows)
            if sample.keep:
                self._rows += rows
                self._histograms += histograms
            self.looked = sample.step

    def write(self, trainer: L.Trainer) -> list[Row]:
        """Into the history and the files what was collected since; gives these rows."""
        rows, self._rows = self._rows, []
        histograms, self._histograms = self._histograms, []
        self.history.add(rows, histograms)
        self.out.write(trainer, rows, histograms)
        return rows

    def state_dict(self) -> dict[str, Any]:
        files = self.out.files.state_dict()
        return {"looked": self.looked, "first_nonfinite": self.first_nonfinite, "files": files}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The history comes from the files."""
        self.looked, self.first_nonfinite = state["looked"], state["first_nonfinite"]
        self.out.resume(state.get("files", {"number": 1}))
        rows, histograms = (self.out.files.path(name) for name in (self.out.file, FILE_OF_HISTOGRAMS))
        if rows and histograms:
            self.history.add(read_rows(rows, lenient=True), read_histograms(histograms, lenient=True))
            layers = self.history.layers("dead")
            self.out.died |= {layer for layer in layers if any(v > 0 for v in self.history.series(layer, "dead")[1])}

    def _look_for_nonfinite(self, step: int, rows: list[Row]) -> None:
        layer = next((row["layer"] for row in rows if row["quantity"] == "nonfinite"), None)
        if self.first_nonfinite is None and layer is not None:
            since = "" if step == self.looked + 1 else f", still finite at step {self.looked}"
            self.first_nonfinite = f"layer {layer} first non-finite at step {step}{since}"
