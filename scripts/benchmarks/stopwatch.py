"""Times a fit from within."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch

from benchmarks.resident import resident

LEAST = 16  # steps of a mean


class Stopwatch(L.Callback):
    """`seconds` from the start of the first epoch to the end of the fit; `seconds_a_step`, the mean over the steps
    after at least the first `skip`, up to the end of an epoch's last batch.

    enough: end the run when these steps have taken so many seconds, and are at least 16.
    file: gets a line at the end of the fit, or with `first_update` at the end of the first update, which then ends the
        run: `time.time()` and the bytes of memory that the process holds.
    """

    def __init__(
        self, skip: int = 0, enough: float = math.inf, file: str | None = None, first_update: bool = False
    ) -> None:
        self.skip, self.enough, self.file, self.first_update = skip, enough, file, first_update

    def looks_at(self, step: int) -> bool:
        return self.first_update and step == 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.start = self._first = _now(pl_module)
        self._skipped = 0 if self.skip == 0 else None

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        steps = trainer.global_step
        if self.first_update:
            if steps == 1:
                self._write()
                trainer.should_stop = True
        elif self._skipped is None:
            if steps >= self.skip:
                self._first, self._skipped = _now(pl_module), steps
        elif not trainer.should_stop:
            counted = steps - self._skipped
            enough = counted >= LEAST and time.perf_counter() - self._first > self.enough
            if enough or trainer.is_last_batch:
                self.seconds_a_step = (_now(pl_module) - self._first) / counted
                trainer.should_stop = enough

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seconds = _now(pl_module) - self.start
        if not self.first_update:
            self._write()

    def _write(self) -> None:
        if self.file is not None:
            with Path(self.file).open("a") as lines:
                lines.write(f"{time.time()} {resident()}\n")


def _now(pl_module: L.LightningModule) -> float:
    """When all that was asked of the device is done."""
    if pl_module.device.type == "cuda":
        torch.cuda.synchronize(pl_module.device)
    return time.perf_counter()
