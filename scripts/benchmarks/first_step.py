"""When a run has made its first update, counted from the imports that it cannot avoid."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning as L
import torch  # noqa: F401

IMPORTED = time.perf_counter()  # whoever measures imports this module before all others


class FirstStep(L.Callback):
    """Writes the seconds from `IMPORTED` to the end of the first update into the file `path`, and ends the run."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 1:
            self.path.write_text(str(time.perf_counter() - IMPORTED))
            trainer.should_stop = True
