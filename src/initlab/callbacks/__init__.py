"""Lightning callbacks and loggers that the configs name, beside the monitor."""

from initlab.callbacks.best_checkpoint import BestCheckpoint
from initlab.callbacks.csv_logger import CsvLogger
from initlab.callbacks.epoch_lines import EpochLines
from initlab.callbacks.last_checkpoint import LastCheckpoint
from initlab.callbacks.progress_bar import ProgressBar
from initlab.callbacks.step_curve import StepCurve
from initlab.callbacks.tensorboard_page import TensorBoardPage

__all__ = [
    "BestCheckpoint",
    "CsvLogger",
    "EpochLines",
    "LastCheckpoint",
    "ProgressBar",
    "StepCurve",
    "TensorBoardPage",
]
