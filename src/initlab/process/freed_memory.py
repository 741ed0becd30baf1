"""What becomes of memory that a step has done with."""

from __future__ import annotations

import ctypes
import platform

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # mallopt(3)
LARGEST = 32 * 2**20  # bytes; the most that glibc takes as the first
KEPT = 8 * LARGEST


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next step, up to 256 MB of it.

    By default it may give the memory of a batch back to the system and ask for it again at every step, page by page:
    up to 200 page faults, 0.3 ms of a step, in one epoch and in the next none. Elsewhere nothing is done.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(MMAP_THRESHOLD, LARGEST)
        libc.mallopt(TRIM_THRESHOLD, KEPT)
