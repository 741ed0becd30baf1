"""A run's folder: what it holds, how it is opened, how it is written without ever being half written."""

from initlab.runs.find import find_run
from initlab.runs.open_run import Run, open_checkpoint, open_run
from initlab.runs.rows import RowWriter
from initlab.runs.run_dir import RunDir

__all__ = ["RowWriter", "Run", "RunDir", "find_run", "open_checkpoint", "open_run"]
