"""Files and folders that one process holds at a time. The only place that needs POSIX (`fcntl`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from initlab.errors import UserError


class Lock:
    """Keeps others out of a folder from `take` to `release`, or to the end of this object or of the process, in
    whatever way it ends."""

    def __init__(self, folder: Path, refusal: str) -> None:
        self._folder, self._refusal = folder, refusal
        self._held: int | None = None

    def take(self) -> None:
        """What is read of the folder before may be another's who is at work.

        Raises:
            UserError: another process has it.
        """
        if self._held is None:
            try:
                self._held = hold(self._folder)
            except BlockingIOError:
                raise UserError(f"{self._folder}: {self._refusal}") from None

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def __del__(self) -> None:
        self.release()


def hold(path: Path) -> int | None:
    """Keep other processes out of a file or folder until the descriptor is closed, or this process ends in any way.

    None: the file system has no locks.

    Raises:
        BlockingIOError: another process holds it.
        UserError: the operating system has no such locks.
    """
    fcntl = _fcntl()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def wait_until_free(path: Path) -> None:
    """Until the process that holds it closes the descriptor or ends; the kernel wakes this one.

    Raises:
        OSError: the file system has no locks.
    """
    fcntl = _fcntl()
    fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_SH)


def _fcntl() -> Any:
    """Imported here, so that everything that locks nothing works on Windows too."""
    try:
        import fcntl
    except ImportError:
        raise UserError(
            "a run's folder is locked with fcntl, which Windows lacks: train on Linux, on macOS or in WSL"
        ) from None
    return fcntl
