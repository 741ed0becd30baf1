"""A past run's model on its own test set, by its own config: metrics, and pictures
of where it fails.

    python scripts/evaluate.py run=latest            # its best epoch
    python scripts/evaluate.py run=outputs/runs/NAME # weights=last: saved last
    python scripts/evaluate.py checkpoint=PATH       # one in a run's folder
    python scripts/evaluate.py run=PATH allow=my_package  # of classes of yours

Writes metrics.json and the pictures to `evaluation` in the run's folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from initlab.cli.key_values import key_values
from initlab.cli.main import one_line_errors
from initlab.errors import UserError
from initlab.process.quick_imports import quick_imports

if TYPE_CHECKING:
    from initlab.runs import Run

KEYS = ("run", "checkpoint", "weights", "allow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="key=value", help=f"{', '.join(KEYS)}; default: run=latest")
    words = parser.parse_args().words
    with one_line_errors():
        run = chosen(words)
        with quick_imports():
            from initlab.evaluation import evaluate
            from initlab.evaluation.terminal import show_evaluation

        show_evaluation(run, evaluate(run))


def chosen(words: Sequence[str]) -> Run:
    """The run that the words name."""
    from initlab.runs import open_checkpoint, open_run
    from initlab.runs.allowed import allowed_names

    given = key_values(words, KEYS)
    allow = allowed_names(given.pop("allow")) if "allow" in given else ()
    if "checkpoint" in given:
        if len(given) > 1:
            raise UserError("checkpoint=: stands alone, its run is the folder it lies in")
        return open_checkpoint(given["checkpoint"], allow)
    return open_run(given.get("run", "latest"), given.get("weights", "best"), allow)
