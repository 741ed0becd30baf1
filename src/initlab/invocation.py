"""How a command of the project is typed here, so that what is printed can be pasted."""

from __future__ import annotations

import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2]
IN_SOURCES = (SOURCES / "scripts" / "train.py").is_file()


def command(name: str) -> list[str]:
    """The words that start it: `python scripts/train.py` in the project's own folder, `initlab train` where the package
    was installed, or was started so."""
    if not IN_SOURCES or Path(sys.argv[0]).name.startswith("initlab"):
        return ["initlab", name]
    return ["python", f"scripts/{name}.py"]
