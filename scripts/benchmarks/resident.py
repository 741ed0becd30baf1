"""How much memory this process holds."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path


def resident() -> int:
    """Bytes: now on Linux, elsewhere the most so far."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
