"""An explanation in the terminal."""

from __future__ import annotations

import shlex

from initlab.console import Column, from_here, say, say_command, show_table
from initlab.explaining.of_run import STEPS, explain
from initlab.invocation import command
from initlab.numbers import shown
from initlab.proof.conclusion import Explanation
from initlab.report import write_report
from initlab.runs import Run


def explain_and_show(run: Run, steps: int = STEPS) -> None:
    try:
        found = explain(run, steps=steps)
    except (KeyboardInterrupt, SystemExit):
        for sentence in Run.lenient(run.path).explanation.get("says", ()):
            say(str(sentence))
        raise
    show(found)
    say(str(from_here(write_report(run.path))), "look", "bold")


def show(found: Explanation) -> None:
    """The forks, the sentences, the command."""
    it = found.evidence
    if it.as_it_was is not None:
        forks = [it.as_it_was, *it.forks]
        show_table([
            Column("changed", [fork.change.name for fork in forks], right=False),
            Column(f"loss after {it.steps} steps", [_loss(fork.loss) for fork in forks]),
            Column("trains", ["yes" if fork.trains else "no" for fork in forks], right=False),
            Column("seeds", [f"{fork.votes[0]} of {fork.votes[1]}" if fork.further else "" for fork in forks], rank=1),
        ])  # fmt: skip
    for note in found.notes:
        say(note)
    for sentence in found.says:
        say(sentence, style="bold" if sentence == found.says[0] else "")
    if found.command.startswith(" ".join(command("train"))):
        say_command(shlex.split(found.command), "fix")
    elif found.command:
        say(found.command, "fix")


def _loss(value: float) -> str:
    return shown(value) if value == value else "nan"
