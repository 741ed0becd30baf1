"""What Hydra logs, in the terminal and in run.log: while the command works, and no longer."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager


class RunLog(logging.FileHandler):
    """run.log, opened at its first line. What is logged after the run's folder was taken away is not for a file."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None or os.path.isdir(os.path.dirname(self.baseFilename)):
            super().emit(record)


@contextmanager
def logging_ends() -> Iterator[None]:
    """Close at the end what has been added to the root logger: libraries log as the program exits, torch the counts of
    a cache where its import was cut off."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
