"""One process at a time, and no worker without its sweep."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from functools import cache
from pathlib import Path

from initlab.runs.locks import hold, wait_until_free


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
            wait_until_free(path)
            os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="end with the sweep", daemon=True).start()
