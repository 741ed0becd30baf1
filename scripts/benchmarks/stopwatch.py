"""Times a fit from within."""

from __future__ import annotations

import time
from typing import Any

import lightning as L
import torch


class Stopwatch(L.Callback):
    """`seconds` from the start of the first epoch to the end of the fit; `seconds_a_step` of the steps from `skip` on,
    up to the end of the last batch."""

    def __init__(self, skip: int = 0) -> None:
        self.skip = skip

    def looks_at(self, step: int) -> bool:
        return False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.start = self._first = _now(pl_module)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = batch_idx + 1
        if done == self.skip:
            self._first = _now(pl_module)
        elif done == trainer.num_training_batches and trainer.is_last_batch:
            self.seconds_a_step = (_now(pl_module) - self._first) / (done - self.skip)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seconds = _now(pl_module) - self.start


def _now(pl_module: L.LightningModule) -> float:
    """When all that was asked of the device is done."""
    if pl_module.device.type == "cuda":
        torch.cuda.synchronize(pl_module.device)
    return time.perf_counter()
