"""What torch's CPU allocator hands out and takes back while something runs.

`tracemalloc` sees Python's own allocations alone. torch's profiler is told by the allocator itself of every block, so
these are the bytes that were really allocated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # before torch starts: the profiler reports to the terminal else
from torch.autograd.profiler import profile

MIB = 2**20


@dataclass
class Allocated:
    """Bytes, counted from the beginning of the block, after each operation that allocated or freed."""

    trace: list[int] = field(default_factory=list)
    asked: int = 0  # handed out in all

    @property
    def alive(self) -> int:
        """Still held at the end."""
        return self.trace[-1] if self.trace else 0

    @property
    def peak(self) -> int:
        """The most held at one time."""
        return max(self.trace, default=0)


@contextmanager
def allocations() -> Iterator[Allocated]:
    """Filled in when the block ends. What one operation takes and gives back within itself is not seen."""
    found = Allocated()
    with profile(use_kineto=False, profile_memory=True) as record:
        yield found
    held = 0
    for event in sorted(record.function_events, key=lambda event: event.time_range.start):
        change = event.self_cpu_memory_usage
        if change:
            held += change
            found.asked += max(change, 0)
            found.trace.append(held)


def mib(size: float) -> str:
    return f"{size / MIB:,.3f} MiB"
