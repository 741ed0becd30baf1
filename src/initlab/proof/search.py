"""Which changes are tried, in which order, and when enough is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from initlab.proof.conclusion import Evidence
from initlab.proof.fork import AS_IT_WAS, Change, Fork

FURTHER = (1, 2, 3)  # seeds besides the run's own, 0
TRIES = 4  # changes that suffice with one seed and are asked to with others
LATE = ("batch", "depth")  # they cure much and are seldom the cause: asked where nothing else is enough
SAME = 1e-3  # relatively: losses that differ by less are of the same run on another machine

Forks = Callable[[Change, int], Fork]  # of a change, with the number of the seed


class Search:
    """Fills `evidence`; an exception leaves in it what was known by then."""

    def __init__(self, evidence: Evidence, fork: Forks) -> None:
        self.evidence, self.fork = evidence, fork

    def begin(self, recorded: Mapping[int, float]) -> Fork:
        """The run as it was, against the losses that it recorded by step."""
        again = self.fork(AS_IT_WAS, 0)
        self.evidence.as_it_was = again
        self.evidence.repeats = _repeats(recorded, again)
        return again

    def run(self, changes: Sequence[Change], pairs: Iterable[Change]) -> None:
        """Each change by itself, then pairs until one suffices."""
        it = self.evidence
        for late in (False, True):
            for change in changes:
                if (change.group in LATE) is late:
                    it.forks.append(self.fork(change, 0))
            if self._confirm():
                break
        if it.mended is None and not it.of_labels:
            for change in pairs:
                it.forks.append(self.fork(change, 0))
                if it.forks[-1].trains and self._confirm():
                    break
        if it.as_it_was is not None:
            self._with_other_seeds(it.as_it_was)

    def _confirm(self) -> bool:
        """The smallest change that suffices with other seeds too."""
        for found in sorted((f for f in self.evidence.forks if f.trains), key=lambda f: f.change.size)[:TRIES]:
            self._with_other_seeds(found)
            if found.confirmed:
                self.evidence.mended = found
                return True
        return False

    def _with_other_seeds(self, found: Fork) -> None:
        for seed in FURTHER[len(found.further) :]:
            found.further.append(self.fork(found.change, seed))


def _repeats(recorded: Mapping[int, float], again: Fork) -> str:
    """ "to the bit", "nearly", "no", or "" where nothing was recorded."""
    both = [(recorded[i], loss) for i, loss in enumerate(again.losses) if i in recorded]
    if not both:
        return ""
    if all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in both):
        return "to the bit"
    return "nearly" if all(math.isclose(a, b, rel_tol=SAME) for a, b in both) else "no"
