"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightning as L


@dataclass(frozen=True)
class Result:
    """How a run ended.

    metrics:  by name, of the last epoch and of the test set.
    score:    the monitored metric at its best epoch, what a sweep optimises.
    run_dir:  the run's folder.
    tested_best: whether the test was of the best epoch's weights, not of the last.
    """

    metrics: dict[str, float]
    score: float
    run_dir: Path
    model: L.LightningModule
    data: L.LightningDataModule
    tested_best: bool
