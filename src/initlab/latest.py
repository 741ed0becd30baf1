"""The link to the newest."""

from __future__ import annotations

import os
from pathlib import Path


def point_latest_to(path: Path) -> None:
    """`outputs/runs/latest` points to the newest run, `outputs/sweeps/latest` to the newest sweep."""
    link = latest_of(path)
    if link is None:
        return
    newest, fresh = path.absolute().relative_to(link.parent).parts[0], link.with_name(f".latest-{os.getpid()}")
    try:
        fresh.symlink_to(newest, target_is_directory=True)
        os.replace(fresh, link)
    except OSError:  # a file system without links: the folders' names still sort by time
        fresh.unlink(missing_ok=True)


def latest_of(path: Path) -> Path | None:
    """The link next to a run or sweep; None outside outputs/runs and outputs/sweeps."""
    for ancestor in path.absolute().parents:
        if ancestor.name in ("runs", "sweeps") and ancestor.parent.name == "outputs":
            return ancestor / "latest"
    return None
