"""The command of a run with something changed, to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from initlab.forecasting.remedy import replaced
from initlab.invocation import command
from initlab.report.captions import again
from initlab.runs import Run


def command_with(run: Run, words: Sequence[str]) -> str:
    """Of what was typed; of a run that no command made, what changes in its `compose(...)`."""
    typed = shlex.split(again(run).splitlines()[-1]) if again(run) else []
    if typed[:2] != command("train"):
        return f"compose(..., {', '.join(map(repr, words))})"
    kept = [word for word in typed[2:] if not word.startswith("hydra.run.dir=")]  # which holds the run
    return shlex.join([*command("train"), *replaced(kept, words)])
