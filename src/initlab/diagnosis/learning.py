"""Whether a run learns, told from the losses of its batches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from initlab.diagnosis.finding import Finding
from initlab.diagnosis.trend import CONFIRM
from initlab.numbers import shown

Losses = tuple[Sequence[int], Sequence[float]]  # steps, and the loss of the batch at each

# The median of the losses falls, from the first quarter of the run to the last, by less than this share, or by less
# than twice what the noise of the last quarter makes of such a difference.
LOSS_MOVED = 0.01
LOSS_SEEN = 0.1  # a fall by this share must stand out from the noise before "it does not move" is said
LOSS_STEPS = 100  # updates that a run must have before "it does not move" is said of it
LOSS_STEPS_SO_FAR = 300  # ... and before it is reported of a run that is still training: some start on a plateau
# A loss rises whose median at the end is so many times that of step 0, and whose every batch there is above it; where
# few batches are recorded, above every early batch too.
LOSS_ROSE = 1.5
# A run learns whose loss moves and has come down to this share of what it was and of what guessing costs.
LEARNS = 0.5


def learns(losses: Losses, outputs: int) -> bool:
    """`outputs`: how many numbers the network gives, 0 where it is not known: guessing among C classes costs log C, and
    a net that saturates may begin far above that. Of a run whose step 0 is not known nothing can be told."""
    steps, values = np.asarray(losses[0]), np.asarray(losses[1], float)
    if len(values) < 4 * CONFIRM or steps[0] > 0 or not values[0] > 0:
        return False
    first, last = _quarters(steps, values, CONFIRM)
    guessing = math.log(outputs) if outputs > 1 else math.inf
    return _moves(first, last) and float(np.median(last)) < LEARNS * min(values[0], guessing)


def too_early(losses: Losses) -> bool:
    """Whether a run that is still training has made too few updates to see if it learns."""
    return len(losses[0]) > 0 and losses[0][-1] + 1 < LOSS_STEPS


def loss_finding(losses: Losses, over: bool) -> Finding | None:
    """Medians, so that the first few steps, which only set the output's bias right, do not count as moving."""
    steps, values = np.asarray(losses[0]), np.asarray(losses[1], float)
    if not len(steps) or steps[0] > 0 or len(values) < 2 * CONFIRM:
        return None  # a resumed run may have converged already
    first, last = _quarters(steps, values, CONFIRM if over else 0)
    if min(len(first), len(last)) < CONFIRM or steps[-1] + 1 < (0 if over else LOSS_STEPS_SO_FAR):
        return None
    before, after = float(np.median(first)), float(np.median(last))
    end = f"its median is {shown(after)} at the end of {steps[-1] + 1:,} steps"
    few = len(values) < 4 * CONFIRM
    height = max(first) if few else values[0]
    if min(last) > height and values[0] > 0 and after > LOSS_ROSE * values[0]:
        says, rise = f"{end} and it was {shown(float(values[0]))} at step 0", after / values[0]
        return Finding("loss rising", (), 0, "factor by which it rose", rise, says, "a smaller lr")
    if few or _moves(first, last) or values[-1] < min(first):  # it may have left a plateau only now
        return None
    if steps[-1] + 1 < LOSS_STEPS or _noise(last) > LOSS_SEEN * abs(before):
        return None
    says, fall = f"{end} and was {shown(before)} in the first quarter", (before - after) / abs(before or 1)
    advice = "another initialisation, else another lr"
    return Finding("loss not moving", (), 0, "relative fall of the loss", fall, says, advice)


def _quarters(steps: np.ndarray, values: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """The losses of the first and of the last quarter of the run, of the last at least so many: early losses are
    recorded at each step, late ones every hundredth."""
    quarter = (steps[-1] - steps[0]) / 4
    late = max(least, int(np.count_nonzero(steps >= steps[-1] - quarter)))
    return values[steps <= steps[0] + quarter], values[-late:]


def _moves(first: np.ndarray, last: np.ndarray) -> bool:
    before, after = float(np.median(first)), float(np.median(last))
    return before - after > max(LOSS_MOVED * abs(before), _noise(last))


def _noise(values: np.ndarray) -> float:
    """Twice the standard error of a difference of two medians, each 1.253 sigma / sqrt(n), with sigma = spread between
    the quartiles / 1.349."""
    with np.errstate(invalid="ignore"):  # of losses that are inf it is nan, which no fall exceeds
        low, high = np.percentile(values, (25, 75))
    return 2 * math.sqrt(2) * float(1.253 * (high - low) / 1.349 / math.sqrt(len(values)))
