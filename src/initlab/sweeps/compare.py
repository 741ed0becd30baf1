"""Which of two settings is better, told from runs that share their seeds; what a share of seeds says of all seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95  # for all pairs of settings of a sweep together
POWER = 0.8  # the chance to tell two settings apart that a proposed number of seeds gives
MOST_SEEDS = 1000  # that are proposed
MOST_FLIPPED = 20  # differences of which every choice of signs is tried: 2^20 sums, some hundredths of a second
ROUNDING = 1e-12  # of the larger number: two scores that differ by less are equal


@dataclass(frozen=True)
class Difference:
    """The differences of two settings over the n seeds they share: their mean, and the interval [low, high] for what
    they are symmetric about, without ends where n seeds cannot decide. higher, lower: in how many seeds. std: of the
    differences, with n - 1; apart: what it would be had each setting seeds of its own, from the two stds."""

    mean: float
    low: float
    high: float
    n: int
    higher: int
    lower: int
    std: float = math.nan
    apart: float = math.nan

    @property
    def decided(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0

    @property
    def equal(self) -> bool:
        """Whether it is 0 in every seed."""
        return self.higher == self.lower == 0

    @property
    def narrower(self) -> float:
        """How wide the interval is, as a share of what it would be with seeds of their own; nan without spread."""
        return self.std / self.apart if self.apart > 0 else math.nan


def paired_difference(a: Mapping[str, float], b: Mapping[str, float], settings: int) -> Difference | None:
    """a - b, where `a` and `b` give a number for each seed; None for fewer than two seeds in common.

    Runs with the same seed share their data and its order, and much of their luck, so they are compared seed by seed.
    Were the two settings alike, each difference could as well have had the other sign, whatever its distribution:
    continuous, discrete, or the same number each time. So it is decided by Fisher's exact test of all 2^n choices of
    signs, and the interval holds each centre that the test does not refuse: its ends are order statistics of the
    2^n - 1 means of some of the differences (Hartigan 1969). Of more than `MOST_FLIPPED` seeds as many groups change
    their sign together, which is exact too.

    The best of `settings` settings has been picked by looking, so the test is made as if all pairs of them were asked
    about (Bonferroni): with 95 % confidence no pair of equals is told apart.
    """
    shared = sorted(a.keys() & b.keys())
    if len(shared) < 2:
        return None
    one, two = (np.array([of[seed] for seed in shared]) for of in (a, b))
    differences = one - two
    zero = ROUNDING * max(np.abs(one).max(), np.abs(two).max())
    low, high = _interval(differences, _share(settings), zero)
    return Difference(
        float(differences.mean()),
        low,
        high,
        len(shared),
        int((differences > zero).sum()),
        int((differences < -zero).sum()),
        float(differences.std(ddof=1)),
        math.hypot(one.std(ddof=1), two.std(ddof=1)),
    )


def seeds_to_decide(settings: int) -> int:
    """The fewest with which a pair of so many settings can be told apart: of n equal signs the chance is 2 / 2^n."""
    return next(n for n in range(2, 1000) if 2.0 ** (1 - n) <= _share(settings))


def seeds_to_tell(difference: Difference, settings: int) -> int | None:
    """About how many seeds would tell the two apart four times in five, were mean and std of their differences what
    these seeds show; None for more than `MOST_SEEDS`.

    n = ((z_a + z_b) std / mean)^2 + z_a^2 / 2 of a paired t-test, its second term for estimating the std (Guenther
    1981), with z_a of the two-sided share of the 5 % that a pair has, z_b of 80 %; no fewer than the sign-flip test
    needs, and more than were not enough.
    """
    z = NormalDist().inv_cdf(1 - _share(settings) / 2)
    ratio = (z + NormalDist().inv_cdf(POWER)) * difference.std / abs(difference.mean or math.nan)
    n = max(ratio**2 + z**2 / 2, seeds_to_decide(settings), difference.n + 1)
    return math.ceil(n) if n <= MOST_SEEDS else None


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The interval, with 95 % confidence, for the share of all seeds of which `successes` in `n` were drawn; never
    outside 0 to 1, nor empty at 0 or n (Wilson 1927)."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share, more = successes / n, z**2 / n
    half = z * math.sqrt(share * (1 - share) / n + more / (4 * n))
    low, high = ((share + more / 2 + sign * half) / (1 + more) for sign in (-1, 1))
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)


def _share(settings: int) -> float:
    """Of the 5 %, what one pair may use up."""
    return (1 - CONFIDENCE) / max(1, settings * (settings - 1) // 2)


def _interval(differences: np.ndarray, chance: float, zero: float) -> tuple[float, float]:
    groups = min(len(differences), MOST_FLIPPED)
    rank = math.floor(chance / 2 * 2**groups * (1 + 1e-12))
    if not rank:
        return -math.inf, math.inf
    sums, sizes = np.zeros(1), np.zeros(1)
    for first in range(groups):
        group = differences[first::groups]
        sums, sizes = np.concatenate([sums, sums + group.sum()]), np.concatenate([sizes, sizes + len(group)])
    means = sums[1:] / sizes[1:]
    means[np.abs(means) <= zero] = 0.0
    ends = np.partition(means, [rank - 1, len(means) - rank])
    return float(ends[rank - 1]), float(ends[len(means) - rank])
