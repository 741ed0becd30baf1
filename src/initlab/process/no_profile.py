"""What Lightning asks before and after everything it does, answered as shortly as can be."""

from __future__ import annotations

import contextlib

from lightning.pytorch.profilers import PassThroughProfiler

NOTHING = contextlib.nullcontext()


class NoProfile(PassThroughProfiler):
    """Lightning's own, which measures nothing either, makes a new context each time: 1 % of a step of the MLP."""

    def profile(self, action_name: str) -> contextlib.nullcontext[None]:
        return NOTHING
