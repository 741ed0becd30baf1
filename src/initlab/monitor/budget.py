"""What watching costs, and how seldom it must be done to cost little enough."""

from __future__ import annotations

import statistics
import time
from collections import deque

FIRST_STEPS = 10  # mean and std are recorded at each of them
COSTS = 9  # latest samples whose median is the cost of one: a hiccup of the machine does not count
BATCHES = 101  # likewise, for the time of a batch


class Stopwatch:
    """Adds up the time spent within `with watch:`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        self.seconds += time.perf_counter() - self._start


class Cadence:
    """Which steps are looked at, and how closely.

    Mean and std at each of steps 0 to dense_steps - 1. Everything at steps 0, 10, 20, ..., 100, 200, ..., 1000, ...,
    until every_n_steps is reached; from there on at its multiples, and at these alone where dense_steps is 0. So a few
    looks show the start closely, and they are at the same steps in every run. With a `max_overhead` the multiples are
    those of every_n_steps * 2^k, with the smallest k so far for which
    (seconds of a sample) <= max_overhead * stride * (seconds of a step).

    The beginning is not subject to the budget. What is measured is time on the host; on an accelerator the
    kernels themselves, which do not keep the host waiting, are not in it.
    """

    def __init__(self, every_n_steps: int, dense_steps: int, max_overhead: float | None) -> None:
        self.stride = every_n_steps
        self._every_n, self._dense = every_n_steps, dense_steps
        self._start = max(dense_steps, every_n_steps) if dense_steps else 0  # steps that are looked at more closely
        self._max_overhead = max_overhead
        self._previous: int | None = None
        self._costs: deque[float] = deque(maxlen=COSTS)
        self._writing = [0.0, 0]  # seconds, samples
        self._batches: deque[float] = deque(maxlen=BATCHES)

    def state_dict(self) -> dict[str, int | None]:
        """What decides which steps come next; the times of a machine are measured again."""
        return {"stride": self.stride, "previous": self._previous}

    def load_state_dict(self, state: dict[str, int | None]) -> None:
        self.stride = state["stride"] or self.stride
        self._previous = state["previous"]

    def look(self, step: int) -> str | None:
        """ "full", "cheap" or None for this step; to be asked once for each, ascending."""
        previous, self._previous = self._previous, step
        return self._level(step, previous)

    def looks_at(self, step: int) -> bool:
        """Whether `look` would give a level for this step, were it asked for next."""
        return self._level(step, self._previous) is not None

    def _level(self, step: int, previous: int | None) -> str | None:
        """Steps may be skipped: of several optimisers stepped in a batch each counts."""
        stride = self.stride
        if step < self._start:
            stride = min(self._every_n, 10 ** max(1, len(str(step)) - 1))
        full = step % stride == 0 if previous is None else step // stride > previous // stride
        return "full" if full else "cheap" if step < self._dense else None

    @property
    def adapts(self) -> bool:
        return self._max_overhead is not None

    def trained(self, seconds: float) -> None:
        """A batch took so long, without the monitor's part."""
        self._batches.append(seconds)

    def sampled(self, seconds: float) -> None:
        """A full sample took so long to collect."""
        self._costs.append(seconds)

    def wrote(self, seconds: float, samples: int) -> None:
        """So many samples took so long to write."""
        self._writing[0] += seconds
        self._writing[1] += samples

    def review(self, step: int, batches_per_step: int) -> None:
        """Widen the stride while a sample costs too much for it."""
        if self._max_overhead is None or step < self._start or len(self._costs) < 3 or not self._batches:
            return
        cost = statistics.median(self._costs) + self._writing[0] / max(1, self._writing[1])
        step_seconds = batches_per_step * statistics.median(self._batches)
        while cost > self._max_overhead * self.stride * step_seconds > 0:
            self.stride *= 2
