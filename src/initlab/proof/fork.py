"""One change of a run, and the run with it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from initlab.diagnosis.learning import LEARNS

LAST = 10  # losses whose median is the one at the end; a tenth of the usual 100 steps
CONFIRMED = 3 / 4  # of the seeds, the first among them

# What a change accuses, in the order in which several that suffice are named: first what has a right value (inputs of
# size 1, the draw made for the activation), then what is a matter of size, last what cures without being the cause:
# Adam's steps do not depend on the size of the gradient, nor do few layers lose much of it.
SIZES = {"bug": 0.0, "order": 0.03, "column": 0.05, "data": 0.1, "setting": 0.2, "init": 1.0, "branches": 1.5,
         "lr": 2.0, "other init": 3.0, "activation": 4.0, "batch": 5.0, "depth": 6.0, "optimizer": 7.0}  # fmt: skip
CAUSES = {
    "bug": "a mistake in the module",
    "order": "the order of the rows, which is that of their labels",
    "column": "a column of its inputs",
    "data": "its inputs, which are not normalised",
    "init": "the initialisation",
    "branches": "the size of its residual branches",
    "lr": "the learning rate",
    "setting": "a setting",
    "activation": "the activation",
    "batch": "the batch size",
    "depth": "its depth",
    "optimizer": "the optimiser",
    "labels": "the labels, about which the inputs say nothing",
    "seed": "the draw of this seed",
}
MOST_NAMES = 3


@dataclass(frozen=True)
class Change:
    """One thing that is changed, or two.

    group:   what it accuses, a key of `CAUSES`; of two changes two, "init and lr".
    words:   as they are typed, `("init=kaiming",)`; of a module of the user's, what is done to it.
    size:    by which several changes that suffice are ranked, the smallest first.
    applies: makes the callback that does it, where the words do not.
    accuses: what is to blame where this change is enough, if that is more than the group.
    parts:   the two changes of which it is made.
    """

    group: str
    words: tuple[str, ...]
    size: float
    applies: Callable[[], Any] | None = None
    accuses: str = ""
    parts: tuple[Change, ...] = ()

    @property
    def name(self) -> str:
        return " ".join(self.words) or "as it was"

    def __add__(self, other: Change) -> Change:
        causes = f"{self.cause}{',' * (',' in self.cause)} and {other.cause}"
        group, words = f"{self.group} and {other.group}", (*self.words, *other.words)
        return Change(group, words, 10 + self.size + other.size, accuses=causes, parts=(self, other))

    @property
    def cause(self) -> str:
        """In words, where this change is enough."""
        return self.accuses or (f"a setting: {self.name} is enough" if self.group == "setting" else CAUSES[self.group])

    @property
    def overrides(self) -> tuple[str, ...]:
        """What of it a config can say."""
        return tuple(word for part in self.parts or (self,) if not part.applies for word in part.words)

    def callbacks(self) -> list[Any]:
        """What of it is done in a fit."""
        return [part.applies() for part in self.parts or (self,) if part.applies]


AS_IT_WAS = Change("", (), 0.0)


@dataclass
class Fork:
    """What a change made of the first steps.

    losses:  of the batches, step by step; ends early where training failed, by the `error`.
    guess:   the loss of guessing, inf where it is not known.
    held:    those of shuffled batches after the last step, where the batches are sorted by their labels.
    further: the same with other seeds, whether each trains.
    signal:  std of each layer's output, by layer and step.
    without: what of the run is left out in all of its forks, in words.
    """

    change: Change
    losses: Sequence[float]
    guess: float = math.inf
    error: str = ""
    further: list[Fork] = field(default_factory=list)
    signal: dict[str, dict[int, float]] = field(default_factory=dict)
    held: Sequence[float] = ()
    without: str = ""

    @property
    def loss(self) -> float:
        """At the end: the median of the last ten, or of those held; nan where one of them is."""
        last = list(self.held or self.losses[-LAST:])
        return statistics.median(last) if last and all(map(math.isfinite, last)) else math.nan

    @property
    def trains(self) -> bool:
        """The one rule: at the end the loss is at most half of what it was and of what guessing costs."""
        return bool(self.losses) and not self.error and self.loss <= LEARNS * min(self.losses[0], self.guess)

    @property
    def votes(self) -> tuple[int, int]:
        """Of how many seeds it trains, and how many were tried."""
        return sum(fork.trains for fork in (self, *self.further)), 1 + len(self.further)

    @property
    def confirmed(self) -> bool:
        return self.trains and self.votes[0] >= CONFIRMED * self.votes[1]


def listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
