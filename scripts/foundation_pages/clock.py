"""How long something takes: contenders in turn, medians with their quartiles."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from benchmarks.turns import alternate

Work = Callable[[], object]
TURN = 0.02  # seconds that a turn lasts at least: beside it the reading of the clock is nothing


def measure(
    contenders: Mapping[str, Work], device: torch.device, rounds: int, turn: float = TURN
) -> dict[str, list[float]]:
    """Seconds of one call: each contender once a round, in random order, so that what slows the machine down slows all.

    A turn is as many calls as last `turn` seconds; a turn each at the beginning does not count.
    """
    turns = {name: _turn(work, device, turn) for name, work in contenders.items()}
    return alternate(turns, rounds, next(iter(turns))).seconds


def _turn(work: Work, device: torch.device, least: float) -> Callable[[], float]:
    work()  # the first call pays for what is made once
    calls = max(1, round(least / max(seconds(work, device), 1e-7)))
    return lambda: seconds(work, device, calls)


def seconds(work: Work, device: torch.device, calls: int = 1) -> float:
    """Seconds a call."""
    start = now(device)
    for _ in range(calls):
        work()
    return (now(device) - start) / calls


def now(device: torch.device) -> float:
    """The clock when all that was asked of the device is done: a GPU is asked, and goes on by itself."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def times_faster(slow: Sequence[float], quick: Sequence[float]) -> float:
    """Median over the rounds of how many times faster."""
    return statistics.median(a / b for a, b in zip(slow, quick, strict=True))


def duration(s: float) -> str:
    """Three digits and a unit: "1.15 s", "357 µs"."""
    return f"{_in_unit(s, s)} {_unit(s)[0]}"


def _unit(s: float) -> tuple[str, float]:
    return next(((unit, size) for unit, size in (("s", 1.0), ("ms", 1e-3)) if s >= 0.9995 * size), ("µs", 1e-6))


def _in_unit(s: float, like: float) -> str:
    """Three digits, in the unit that `like` has."""
    number = s / _unit(like)[1]
    return f"{number:.{0 if number >= 99.95 else 1 if number >= 9.995 else 2}f}"


def timing(values: Sequence[float]) -> str:
    """The median and the quartiles: "357 µs [350, 366]"."""
    low, middle, high = quartiles(values)
    return f"{duration(middle)} [{_in_unit(low, middle)}, {_in_unit(high, middle)}]"


def factor(ratio: float) -> str:
    return f"{ratio:,.0f} x" if ratio >= 9.95 else f"{ratio:.2f} x" if ratio < 1.995 else f"{ratio:.1f} x"
