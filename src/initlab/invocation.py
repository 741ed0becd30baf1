"""How a command of the project is typed here, so that what is printed can be pasted."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2]
IN_SOURCES = (SOURCES / "scripts" / "train.py").is_file()
MANY = re.compile(r"-m|--multirun|[+]*hydra\.mode=MULTIRUN")
ABOUT_MANY = re.compile(r"[~+]*hydra(\.(sweep|launcher|sweeper)\.|/(launcher|sweeper)(@|=|$))")


def command(name: str) -> list[str]:
    """The words that start it: `python scripts/train.py` in the project's own folder, `initlab train` where the package
    was installed, or was started so."""
    if not IN_SOURCES or Path(sys.argv[0]).name.startswith("initlab"):
        return ["initlab", name]
    return ["python", f"scripts/{name}.py"]


def sweeps(words: Sequence[str]) -> bool:
    """Whether a command of these words runs a sweep."""
    return any(MANY.fullmatch(word) for word in words)


def of_a_sweep(word: str) -> bool:
    """Whether a word makes its command one of a sweep, or may stand in no other."""
    return bool(MANY.fullmatch(word) or ABOUT_MANY.match(word))
