"""Which of two settings is better, told from runs that share their seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from initlab.sweeps.student_t import quantile

CONFIDENCE = 0.95  # for all pairs of settings of a sweep together


@dataclass(frozen=True)
class Difference:
    """The mean difference of two settings over the seeds they share, and its confidence interval."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width

    @property
    def decided(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def paired_difference(a: Mapping[str, float], b: Mapping[str, float], settings: int) -> Difference | None:
    """a - b, where `a` and `b` give a number for each seed; None for fewer than two seeds in common.

    Runs with the same seed share their data and its order, and much of their luck, so it is the differences seed by
    seed that are averaged: mean +- t s / sqrt(n), with Student's t of n - 1 degrees of freedom. The best of `settings`
    settings has been picked by looking, so each interval is widened as if all pairs of them were asked about
    (Bonferroni): with 95 % confidence all hold at once.
    """
    shared = a.keys() & b.keys()
    n = len(shared)
    if n < 2:
        return None
    differences = [a[seed] - b[seed] for seed in sorted(shared)]
    pairs = settings * (settings - 1) // 2
    t = quantile(1 - (1 - CONFIDENCE) / (2 * pairs), n - 1)
    return Difference(statistics.fmean(differences), t * statistics.stdev(differences) / math.sqrt(n), n)
