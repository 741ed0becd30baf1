"""The links to the newest run and sweep, outside the folders of all of them: TensorBoard would list a run twice."""

from __future__ import annotations

import os
from pathlib import Path

LATEST_RUN, LATEST_SWEEP = Path("outputs/latest_run"), Path("outputs/latest_sweep")
LINKS = {"runs": LATEST_RUN.name, "sweeps": LATEST_SWEEP.name}  # of outputs/runs, outputs/sweeps


def point_latest_to(path: Path) -> None:
    """`outputs/latest_run` points to the newest run in outputs/runs, `outputs/latest_sweep` to the newest sweep."""
    link = latest_of(path)
    if link is None:
        return
    newest, fresh = path.absolute().relative_to(link.parent), link.with_name(f".latest-{os.getpid()}")
    try:
        fresh.symlink_to(Path(*newest.parts[:2]), target_is_directory=True)
        os.replace(fresh, link)
        old = link.with_name(newest.parts[0]) / "latest"  # of earlier versions, inside the folder
        if old.is_symlink():
            old.unlink()
    except OSError:  # a file system without links: the folders' names still sort by time
        fresh.unlink(missing_ok=True)


def newest(link: Path, mark: str) -> Path | None:
    """The folder that the link leads to; where that is gone, the newest by name of those that hold a file `mark`."""
    if link.is_dir():
        return link
    kind = next(kind for kind, name in LINKS.items() if name == link.name)
    return max((path.parent for path in link.with_name(kind).glob(f"*/{mark}")), default=None)


def latest_of(path: Path) -> Path | None:
    """The link for a run or sweep; None outside outputs/runs and outputs/sweeps."""
    for ancestor in path.absolute().parents:
        if ancestor.name in LINKS and ancestor.parent.name == "outputs":
            return ancestor.with_name(LINKS[ancestor.name])
    return None
