"""Times the steps in the middle of a run, and ends it."""

from __future__ import annotations

import time
from typing import Any

import lightning as L

SKIPPED = 16  # steps; the first execution


class StepClock(L.Callback):
    """`seconds_a_step`: the mean over at least `seconds` and 16 steps, after the first 16."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now, steps = time.perf_counter(), trainer.global_step
        if steps == SKIPPED:
            self._start = now
        elif steps >= 2 * SKIPPED and now - self._start > self.seconds:
            self.seconds_a_step = (now - self._start) / (steps - SKIPPED)
            self.seconds = float("inf")  # counted once
            trainer.should_stop = True
