"""One process at a time, and no worker without its sweep."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import threading
from functools import cache
from pathlib import Path


def hold(path: Path) -> int | None:
    """Keep other processes out of a file or folder until the descriptor is closed, or this process ends in any way.

    None: the file system has no locks.

    Raises:
        BlockingIOError: another process holds it.
    """
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


def is_held(path: Path) -> bool:
    """Whether another process, or another part of this one, holds it."""
    try:
        descriptor = hold(path)
    except BlockingIOError:
        return True
    except OSError:
        return False
    if descriptor is not None:
        os.close(descriptor)
    return False


@cache  # one thread for all jobs of a process
def end_with_holder(path: Path) -> None:
    """Kill this process when the one that holds `path` lets go of it or ends, by SIGKILL too: the kernel hands the lock
    to the thread that waits for it."""

    def wait() -> None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_SH)
            os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="end with the sweep", daemon=True).start()
