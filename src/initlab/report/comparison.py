"""Which combination beats which, as far as the seeds allow to say: read from the sweep's closing table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

from initlab.report.ranking import Combination
from initlab.report.run_files import number
from initlab.report.sweep_files import Sweep
from initlab.report.trouble import Reader


@dataclass(frozen=True)
class Difference:
    """Mean difference of the compared figure to the best combination over the n seeds they share, its confidence
    interval, infinite where the seeds are too few, and in how many of them it is higher and lower."""

    mean: float
    low: float
    high: float
    n: int
    higher: int
    lower: int

    @property
    def decided(self) -> bool:
        return self.low > 0 or self.high < 0


def differences(sweep: Sweep, rows: Iterable[Combination]) -> dict[int, Difference]:
    """By the index of the row; empty without a sweep.csv, or where it is of another state of the sweep."""
    text = Reader(sweep.folder).text("sweep.csv")
    if not text:
        return {}
    lines = {tuple(line.get(axis) for axis in sweep.swept): line for line in csv.DictReader(io.StringIO(text))}
    found = {}
    for index, row in enumerate(rows):
        line = lines.get(tuple(row.axes[axis] for axis in sweep.swept))
        if line is None or number(line.get("n")) != row.score.n:
            return {}
        if row.score.n and not math.isclose(number(line.get("compared mean")), row.score.mean, rel_tol=1e-9):
            return {}
        mean, low, high = (number(line.get(name)) for name in ("to the best row", "low", "high"))
        counts = [number(line.get(name)) for name in ("pairs", "higher in", "lower in")]
        if not any(map(math.isnan, (mean, low, high, *counts))):
            found[index] = Difference(mean, low, high, *map(int, counts))
    return found
