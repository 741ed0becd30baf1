"""A contender that does not learn cannot look fast."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.turns import Turn

Training = Callable[[], tuple[float, float]]  # trains once, gives its seconds an epoch and validation accuracy
FLOOR = 0.6  # of 420 first epochs of either model the lowest gave .66; chance is .1


def learning(name: str, train: Training, accuracies: dict[str, list[float]]) -> Turn:
    """The turn that gives the seconds alone, and keeps each accuracy; RuntimeError for one below the floor."""

    def run() -> float:
        seconds, accuracy = train()
        accuracies.setdefault(name, []).append(accuracy)
        if not accuracy >= FLOOR:
            raise RuntimeError(f"{name}: validation accuracy {accuracy:.3f}, below {FLOOR}")
        return seconds

    return run
