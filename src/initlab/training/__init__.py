"""How updates are made: one or several in a call of Lightning's training_step."""

from initlab.training.several_updates import SeveralUpdates, can_make_several, several_updates
from initlab.training.stretches import Stretch, Stretches, batches_of, in_stretches
from initlab.training.update import Output, Updating

__all__ = [
    "Output",
    "SeveralUpdates",
    "Stretch",
    "Stretches",
    "Updating",
    "batches_of",
    "can_make_several",
    "in_stretches",
    "several_updates",
]
