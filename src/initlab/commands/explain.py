"""Why did a run not train? Shown by the same run in which one thing was
different: the first 100 updates again, as it was and with each change.

    python scripts/explain.py run=latest             # the newest run
    python scripts/explain.py run=outputs/runs/NAME  # steps=400: more updates
    python scripts/explain.py run=PATH allow=my_package  # of classes of yours

Writes explanation.json and the report into the run's folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from initlab.cli.key_values import key_values
from initlab.cli.main import one_line_errors
from initlab.errors import UserError
from initlab.process.quick_imports import quick_imports

KEYS = ("run", "steps", "allow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="key=value", help=f"{', '.join(KEYS)}; default: run=latest")
    words = parser.parse_args().words
    with one_line_errors():
        given = chosen(words)
        with quick_imports():
            from initlab.explaining.terminal import explain_and_show

        try:
            explain_and_show(**given)
        except KeyboardInterrupt:  # it has said what there is
            sys.exit(130)


def chosen(words: Sequence[str]) -> dict[str, Any]:
    """The run that the words name, and the number of updates."""
    from initlab.runs import open_run
    from initlab.runs.allowed import allowed_names

    given = key_values(words, KEYS)
    steps = given.pop("steps", "100")
    if not steps.isdecimal():
        raise UserError(f"steps={steps}: must be a whole number of updates, such as steps=100")
    allow = allowed_names(given.pop("allow")) if "allow" in given else ()
    return {"run": open_run(given.get("run", "latest"), allow=allow), "steps": int(steps)}
