"""What watches a run without changing it. Nothing here knows a model of ours."""

from initlab.monitor.activation_stats import ActivationStats
from initlab.monitor.csv_logger import CsvLogger
from initlab.monitor.epoch_lines import EpochLines
from initlab.monitor.progress_bar import ProgressBar
from initlab.monitor.step_curve import StepCurve
from initlab.monitor.tensorboard_page import TensorBoardPage

__all__ = ["ActivationStats", "CsvLogger", "EpochLines", "ProgressBar", "StepCurve", "TensorBoardPage"]
