"""Every Lightning callback and logger that the configs name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from initlab.callbacks.activation_stats import ActivationStats
from initlab.callbacks.best_checkpoint import BestCheckpoint
from initlab.callbacks.csv_logger import CsvLogger
from initlab.callbacks.epoch_lines import EpochLines
from initlab.callbacks.initialize_with import InitializeWith
from initlab.callbacks.last_checkpoint import LastCheckpoint
from initlab.callbacks.progress_bar import ProgressBar
from initlab.callbacks.signal_monitor import SignalMonitor
from initlab.callbacks.step_curve import StepCurve
from initlab.callbacks.tensorboard_logger import LossFirst
from initlab.callbacks.tensorboard_page import TensorBoardPage

if TYPE_CHECKING:
    from initlab.callbacks.explain import Explain

__all__ = [
    "ActivationStats",
    "BestCheckpoint",
    "CsvLogger",
    "EpochLines",
    "Explain",
    "InitializeWith",
    "LastCheckpoint",
    "LossFirst",
    "ProgressBar",
    "SignalMonitor",
    "StepCurve",
    "TensorBoardPage",
]


def __getattr__(name: str) -> Any:
    """No config names `Explain`, and a run without it need not load what it is made of."""
    if name != "Explain":
        raise AttributeError(f"module 'initlab.callbacks' has no attribute {name!r}")
    from initlab.callbacks.explain import Explain

    return Explain
