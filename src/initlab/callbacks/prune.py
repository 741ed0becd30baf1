"""A hopeless trial ends early."""

from __future__ import annotations

from pathlib import Path

import lightning as L

from initlab.console import CONSOLE
from initlab.runs.atomic import write_json
from initlab.sweeps.trial import current_trial


class PruneTrial(L.Callback):
    """Report the monitored metric after each epoch to the job's Optuna trial; end the run when its pruner says so.

    Such a run is tested and has a summary as any other; pruned.json says that it was cut short.
    """

    def __init__(self, monitor: str, run_dir: str) -> None:
        self.monitor, self.run_dir = monitor, run_dir

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trial, value = current_trial(), trainer.callback_metrics.get(self.monitor)
        if trial is None or value is None:
            return
        trial.report(float(value), step=trainer.current_epoch)
        if trial.should_prune():
            trainer.should_stop = True
            epochs = trainer.current_epoch + 1
            write_json(Path(self.run_dir) / "pruned.json", {"epochs": epochs}, indent=None)
            CONSOLE.print(f"pruned after epoch {epochs}: other trials were better by then", highlight=False)
