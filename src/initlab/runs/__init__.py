"""A run's folder: what it holds, how it is opened, how it is written without ever being half written."""

from initlab.runs.rows import RowWriter
from initlab.runs.run_dir import RunDir

__all__ = ["RowWriter", "RunDir"]
