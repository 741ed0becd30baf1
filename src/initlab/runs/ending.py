"""Why a fit ended, in words; and whether it ends again when the run resumes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, Timer
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from initlab.training import batches_of


@dataclass(frozen=True)
class Ending:
    """by: max_epochs, max_steps, max_time, early_stopping, pruned or callback; says: one clause, empty for max_epochs;
    epochs, steps: how many were trained, the last epoch perhaps in part."""

    by: str
    says: str
    epochs: int
    steps: int

    def record(self) -> dict[str, Any]:
        return asdict(self)


class StopAgain(L.Callback):
    """A run that a callback had stopped, and that resumes, is stopped still, so nothing is trained that was not before.

    Unless it is asked to go `further`, by another limit or by other callbacks, and no EarlyStopping of its config would
    have stopped it: the patience is the config's, not the checkpoint's.
    """

    def __init__(self, further: bool) -> None:
        self.further = further
        self._stopped = False
        self._patience: dict[EarlyStopping, int] = {}

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if stage == "fit":
            self._patience = {c: c.patience for c in _early(trainer)}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == "fit" and "run" in checkpoint:
            self._stopped = checkpoint["run"]["stopped"]

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for callback, patience in self._patience.items():
            callback.patience = patience
            exhausted = callback.stopping_reason == EarlyStoppingReason.PATIENCE_EXHAUSTED
            if self.further and exhausted and callback.wait_count < patience:
                callback.stopping_reason = EarlyStoppingReason.NOT_STOPPED
        if self._stopped and (not self.further or any(_has_stopped(c) for c in self._patience)):
            trainer.should_stop = True


def ending_of(trainer: L.Trainer, run_dir: Path, max_time: Any) -> Ending:
    """After `trainer.fit`, before anything else."""
    epochs, steps, limit = trainer.current_epoch, trainer.global_step, trainer.max_epochs
    of = f" of {limit}" if limit is not None and limit > 0 else ""
    per_epoch = _steps_per_epoch(trainer)
    within = bool(per_epoch) and steps % per_epoch != 0
    where = f"stopped in epoch {epochs}{of}, after {steps} steps" if within else f"stopped after epoch {epochs}{of}"
    by, why = _why(trainer, run_dir, max_time)
    return Ending(by, f"{where}: {why}" if why else "", epochs, steps)


def _why(trainer: L.Trainer, run_dir: Path, max_time: Any) -> tuple[str, str]:
    if 0 <= trainer.max_steps <= trainer.global_step:
        if trainer.fast_dev_run:  # which sets the limit
            return "max_steps", f"trainer.fast_dev_run={str(trainer.fast_dev_run).lower()} makes no more"
        return "max_steps", f"trainer.max_steps={trainer.max_steps} is reached"
    if not trainer.should_stop:
        return "max_epochs", ""
    early = next((c for c in _early(trainer) if _has_stopped(c)), None)
    if early is not None:
        return "early_stopping", _reason(early, trainer)
    timers = [c for c in trainer.callbacks if isinstance(c, Timer)]
    if any((left := timer.time_remaining()) is not None and left <= 0 for timer in timers):
        return "max_time", f"trainer.max_time={max_time} is over" if max_time else "its Timer's time is over"
    if (run_dir / "pruned.json").exists():
        return "pruned", "other trials were better by then"
    own = [type(c).__name__ for c in trainer.callbacks if not type(c).__module__.startswith(("initlab.", "lightning."))]
    who = f"{own[0]} or the model" if len(own) == 1 else "a callback or the model"
    return "callback", f"{who} set trainer.should_stop"


def _reason(early: EarlyStopping, trainer: L.Trainer) -> str:
    often = trainer.val_check_interval == 1.0 and trainer.check_val_every_n_epoch == 1
    unit = ("epoch" if often else "validation") + "s" * (early.wait_count != 1)
    name, limit = early.monitor, early.stopping_threshold
    return {
        EarlyStoppingReason.PATIENCE_EXHAUSTED: f"{name} did not improve for {early.wait_count} {unit}",
        EarlyStoppingReason.NON_FINITE_METRIC: f"{name} is not a finite number",
        EarlyStoppingReason.STOPPING_THRESHOLD: f"{name} reached stopping_threshold={limit}",
        EarlyStoppingReason.DIVERGENCE_THRESHOLD: (f"{name} passed divergence_threshold={early.divergence_threshold}"),
    }[early.stopping_reason]


def _early(trainer: L.Trainer) -> list[EarlyStopping]:
    return [c for c in trainer.callbacks if isinstance(c, EarlyStopping)]


def _has_stopped(early: EarlyStopping) -> bool:
    return early.stopping_reason != EarlyStoppingReason.NOT_STOPPED


def _steps_per_epoch(trainer: L.Trainer) -> int:
    """Updates; 0 where it is not known."""
    batches = batches_of(trainer)
    count = trainer.num_training_batches if batches is trainer.train_dataloader else len(batches)
    return math.ceil(count / trainer.accumulate_grad_batches) if math.isfinite(count) else 0
