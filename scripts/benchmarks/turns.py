"""Contenders take turns in one process, so that what slows the machine down slows all of them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Turn = Callable[[], float]  # runs once, gives its seconds


@dataclass
class Times:
    """By name: seconds of every turn, and the ratios to the base that belong to them; what else is to be said."""

    seconds: dict[str, list[float]]
    ratios: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)


def ratios(seconds: dict[str, list[float]], bases: Mapping[str, str]) -> dict[str, list[float]]:
    """By name: of each turn to its base's in the same round."""
    return {name: [a / b for a, b in zip(seconds[name], seconds[base], strict=True)] for name, base in bases.items()}


def alternate(contenders: dict[str, Turn], rounds: int, base: str | Mapping[str, str]) -> Times:
    """Each contender once a round, in random order, after one turn each that does not count; a ratio is to the base
    in the same round. `base`: one for all, or by name."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(-1, rounds):
        for name in random.sample(list(contenders), len(contenders)):
            took = contenders[name]()
            if turn >= 0:
                seconds[name].append(took)
    return Times(seconds, ratios(seconds, dict.fromkeys(contenders, base) if isinstance(base, str) else base))


def between(contenders: dict[str, Turn], rounds: int, base: str) -> Times:
    """Each turn of a contender stands between two of the base, and its ratio is to the mean of these two: a machine
    that grows slower or faster moves both alike. In random order; one turn each does not count.

    Name a copy of the base among the contenders: its ratios show what chance does."""
    others = [name for name in contenders if name != base]
    times = Times({name: [] for name in contenders}, {name: [] for name in others})
    for name in contenders:
        contenders[name]()
    before = contenders[base]()
    for _ in range(rounds):
        for name in random.sample(others, len(others)):
            took, after = contenders[name](), contenders[base]()
            times.seconds[name].append(took)
            times.seconds[base].append(after)
            times.ratios[name].append(took / statistics.mean((before, after)))
            before = after
    return times
