"""When a run has made its first update."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning as L


class FirstStep(L.Callback):
    """Writes the time at the end of the first update into the file `path`, and ends the run."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def looks_at(self, step: int) -> bool:
        return step == 0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 1:
            self.path.write_text(str(time.time()))
            trainer.should_stop = True
