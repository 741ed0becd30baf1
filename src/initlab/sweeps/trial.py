"""The Optuna trial that a job belongs to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

if TYPE_CHECKING:
    from optuna.trial import Trial

_here = threading.local()  # a job of a population has a thread of its own


def run_with_trial(trials: Mapping[int, Trial], work: Callable[[DictConfig], Any], cfg: DictConfig) -> Any:
    """`work(cfg)` with `current_trial()` the one of this job's number."""
    _here.trial = trials.get(HydraConfig.get().job.num)
    try:
        return work(cfg)
    finally:
        _here.trial = None


def current_trial() -> Trial | None:
    """The trial of this thread's job; None outside a sweep by Optuna, and for a trial that a kill interrupted."""
    return getattr(_here, "trial", None)
