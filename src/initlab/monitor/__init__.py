"""What watches a run without changing it. Nothing here knows a model of ours."""

from initlab.monitor.activation_stats import ActivationStats
from initlab.monitor.csv_logger import CsvLogger
from initlab.monitor.epoch_lines import EpochLines
from initlab.monitor.history import Histogram, History
from initlab.monitor.observer import Observer
from initlab.monitor.progress_bar import ProgressBar
from initlab.monitor.rows_out import tag
from initlab.monitor.signal_monitor import SignalMonitor
from initlab.monitor.step_curve import StepCurve
from initlab.monitor.tensorboard_page import TensorBoardPage

__all__ = [
    "ActivationStats",
    "CsvLogger",
    "EpochLines",
    "Histogram",
    "History",
    "Observer",
    "ProgressBar",
    "SignalMonitor",
    "StepCurve",
    "TensorBoardPage",
    "tag",
]
