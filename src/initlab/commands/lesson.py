"""Predict, then look: ten networks of the textbooks. Does it train, which
layer dies first, how large is the std? Then the forecast, the recorded run
and why, and a score.

    python scripts/lesson.py             # ten networks at random
    python scripts/lesson.py seed=3      # the same ten for a whole class
    python scripts/lesson.py live=true   # and each is trained before your eyes

docs/lessons.html is the same in a browser.
"""

from __future__ import annotations

import argparse
import secrets

from initlab.cli.key_values import key_values
from initlab.cli.main import one_line_errors
from initlab.errors import UserError
from initlab.lessons import play
from initlab.lessons.live import trained

KEYS = ("seed", "live")
CLASSES = 1000  # a seed that was not chosen is below it, to be said aloud


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "words", nargs="*", metavar="key=value", help=f"{', '.join(KEYS)}; default: any seed, live=false"
    )
    words = parser.parse_args().words
    with one_line_errors():
        seed, live = chosen(words)
    play(seed, trained if live else None)


def chosen(words: list[str]) -> tuple[int, bool]:
    """The seed, and whether to train."""
    given = key_values(words, KEYS)
    seed, live = given.get("seed", str(secrets.randbelow(CLASSES))), given.get("live", "false")
    if not (seed.isascii() and seed.isdecimal()) or int(seed) >= 2**32:
        raise UserError(f"seed={seed}: must be a whole number from 0 to {2**32 - 1}, such as seed=3")
    if live not in ("true", "false"):
        raise UserError(f"live={live}: must be true or false")
    return int(seed), live == "true"
