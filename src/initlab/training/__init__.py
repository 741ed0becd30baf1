"""How updates are made: one or several in a call of Lightning's training_step."""

from initlab.training.meeting import Meeting, at, current_meeting, own_clock
from initlab.training.several_updates import SeveralUpdates, can_make_several, several_updates
from initlab.training.stretches import (
    Batches,
    Stretch,
    Stretches,
    batches_of,
    in_one_stretch,
    in_stretches,
    limit_of,
    looks_of,
)
from initlab.training.update import Output, Updating

__all__ = [
    "Batches",
    "Meeting",
    "Output",
    "SeveralUpdates",
    "Stretch",
    "Stretches",
    "Updating",
    "at",
    "batches_of",
    "can_make_several",
    "current_meeting",
    "in_one_stretch",
    "in_stretches",
    "limit_of",
    "looks_of",
    "own_clock",
    "several_updates",
]
