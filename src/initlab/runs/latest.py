"""The link to the newest."""

from __future__ import annotations

import os
from pathlib import Path


def point_latest_to(path: Path) -> None:
    """`outputs/runs/latest` points to the newest run, `outputs/sweeps/latest` to the newest sweep."""
    for ancestor in path.absolute().parents:
        if ancestor.name in ("runs", "sweeps") and ancestor.parent.name == "outputs":
            newest = ancestor / path.absolute().relative_to(ancestor).parts[0]
            link, fresh = ancestor / "latest", ancestor / f".latest-{os.getpid()}"
            try:
                fresh.symlink_to(newest.name, target_is_directory=True)
                os.replace(fresh, link)
            except OSError:  # a file system without links: the folders' names still sort by time
                fresh.unlink(missing_ok=True)
            return
