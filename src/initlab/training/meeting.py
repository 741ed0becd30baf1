"""Where models that train at the same time, each in a thread of its own, meet to make their updates together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from torch import Tensor

LONGEST = 64  # updates of a stretch, at which all of them meet


class Meeting(Protocol):
    """As `initlab.population.Seat`, one model's place at it.

    away: seconds that the run has waited for the others, less its share of what was made for all.
    """

    away: float

    def begin(self) -> None:
        """The run in this thread begins its training."""

    def train(self, model: Any, stretch: Any) -> Tensor | None:
        """Make the updates of this stretch; the loss of the last. None: the model is to make them itself."""

    def evaluate(self, model: Any, split: str, stretch: Any) -> bool:
        """Add these batches to the model's sums of `split`; False: the model is to do so itself."""

    def rows(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for all that ask with an equal key."""

    def equal(self, rows: Any) -> Any:
        """These pairs of tensors, or those that are equal to them and were here before."""

    def train_alone(self, reason: str) -> None:
        """Never meet the others."""


_here = threading.local()


def current_meeting() -> Meeting | None:
    """That of the run in this thread; None: it trains by itself."""
    return getattr(_here, "meeting", None)


def own_clock() -> float:
    """Seconds, as `time.perf_counter`, in which the time that the run in this thread waits for others does not pass."""
    meeting = current_meeting()
    return time.perf_counter() - (meeting.away if meeting else 0.0)


@contextmanager
def at(meeting: Meeting) -> Iterator[None]:
    _here.meeting = meeting
    try:
        yield
    finally:
        _here.meeting = None
