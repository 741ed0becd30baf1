"""Whether networks train faster as a stack, and how many of them: computed from their shapes, so that two runs of one
command do the same.

A step of one network takes the time of its operations as such, which a stack shares, that of its products, and that of
picking its rows, which a stack shares where all train on the same rows. The numbers are microseconds on one core of the
machine of docs/performance.md; `python scripts/benchmark.py population` measures both sides. Of the rule only their
ratios count, which differ less between machines.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from initlab.checks.memory import available

STEP, LAYER = 105.0, 60.0  # what a step and each of its layers cost, however small
PRODUCT, STACKED_PRODUCT = 60.0, 70.0  # a million multiplications and additions, forward and both ways back
ROWS, ROWS_OF_MANY = 0.3, 0.75  # a KiB of inputs picked; in a stack they no longer lie in the cache
GAIN = 1.1  # less is not worth another rounding
SHARE = 0.01  # more networks in a stack would save less than this share of a step
CACHE = 2**25  # bytes, where the system does not say
JOB = 2**23  # bytes of a run besides its weights
FILES = 4  # that a run holds open


@dataclass(frozen=True)
class Work:
    """A step of a network: its dense layers, their multiplications for a batch in millions, its inputs in KiB."""

    layers: int
    products: float
    rows: float

    @property
    def alone(self) -> float:
        return self._shared + PRODUCT * self.products + ROWS * self.rows

    def stacked(self, number: int, same_rows: bool) -> float:
        rows = ROWS * self.rows / number if same_rows else ROWS_OF_MANY * self.rows
        return self._shared / number + STACKED_PRODUCT * self.products + rows

    def gain(self, number: int, same_rows: bool) -> float:
        return self.alone / self.stacked(number, same_rows)

    @property
    def enough(self) -> int:
        return math.ceil(self._shared / (SHARE * self.alone))

    @property
    def _shared(self) -> float:
        return STEP + LAYER * self.layers


def work_of(weights: Sequence[Sequence[int]], batch_size: int) -> Work:
    """`weights`: (outputs, inputs) of each dense layer, the first first."""
    products = batch_size * sum(outputs * inputs for outputs, inputs in weights) / 1e6
    return Work(len(weights), products, batch_size * weights[0][1] * 4 / 1024)


def how_many(weights: Sequence[Sequence[int]], batch_size: int) -> int:
    """Networks to train at once: as many as a stack can use, as fit the last cache with their gradients and signals,
    half of the free memory, and the files that a process may open; never under two."""
    parameters = sum(outputs * (inputs + 1) for outputs, inputs in weights)
    signals = batch_size * sum(outputs for outputs, _ in weights)
    in_cache = max(8, _cache() // (4 * (3 * parameters + 4 * signals)))
    free = available()
    in_memory = int((free or 2**33) / 2 / (JOB + 10 * 4 * parameters))
    return max(2, min(work_of(weights, batch_size).enough, in_cache, in_memory, _files() // FILES))


def _cache() -> int:
    """Bytes of the last level."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        try:
            sizes.append(int(path.read_text().strip().removesuffix("K")) * 1024)
        except (OSError, ValueError):
            continue
    return max(sizes, default=CACHE)


def _files() -> int:
    try:
        import resource
    except ImportError:
        return 512
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 4096 if soft == resource.RLIM_INFINITY else soft
    return max(0, limit - len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else limit // 2)
