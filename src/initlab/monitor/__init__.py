"""What watches a run without changing it. Nothing here knows a model of ours."""

from initlab.monitor.history import Histogram, History
from initlab.monitor.observer import Observer, Recording
from initlab.monitor.rows_out import tag

__all__ = ["Histogram", "History", "Observer", "Recording", "tag"]
