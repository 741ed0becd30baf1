"""The terminal of this process."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

HEAD, TAIL = 6, 3  # layers shown of a deep network
CONSOLE = Console()  # one for all, so that lines and a live bar do not write over each other


def from_here(path: Path) -> Path:
    """From the current folder, where the path lies below it."""
    here = path.absolute().is_relative_to(Path.cwd())
    return path.absolute().relative_to(Path.cwd()) if here else path
