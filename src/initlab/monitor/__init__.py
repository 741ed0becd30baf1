"""What watches a run without changing it. Nothing here knows a model of ours."""

from initlab.monitor.activation_stats import ActivationStats
from initlab.monitor.history import Histogram, History
from initlab.monitor.observer import Observer
from initlab.monitor.rows_out import tag
from initlab.monitor.signal_monitor import SignalMonitor

__all__ = ["ActivationStats", "Histogram", "History", "Observer", "SignalMonitor", "tag"]
