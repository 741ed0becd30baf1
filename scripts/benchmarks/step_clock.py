"""Times the steps in the middle of a run, and ends it."""

from __future__ import annotations

import time
from typing import Any

import lightning as L

SKIPPED = 16  # steps


class StepClock(L.Callback):
    """`seconds_a_step`: the mean over at least `seconds` and 16 steps, after at least the first 16."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start: float | None = None

    def looks_at(self, step: int) -> bool:
        return False  # the end of each stretch is enough

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now, steps = time.perf_counter(), trainer.global_step
        if self._start is None:
            if steps >= SKIPPED:
                self._start, self._first = now, steps
        elif steps >= self._first + SKIPPED and now - self._start > self.seconds:
            self.seconds_a_step = (now - self._start) / (steps - self._first)
            self.seconds = float("inf")  # counted once
            trainer.should_stop = True
