"""The checkpoints from before a run was ended in the middle of an epoch.

The end of such a run (an epoch that is cut short, its row, its validation) is no part of a longer one, so a run that is
to train further leaves from the checkpoint before; what lies between is trained again, to the same bits.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FOLDER = "before_the_end"
NAMES = ("last.ckpt", "best.ckpt")


def set_aside(checkpoints: Path) -> None:
    """Keep what is there now, which later writes replace; an empty folder says that nothing was saved yet."""
    forget(checkpoints)
    (checkpoints / FOLDER).mkdir(parents=True)
    for name in NAMES:
        if (checkpoints / name).exists():
            try:
                os.link(checkpoints / name, checkpoints / FOLDER / name)
            except OSError:  # a file system without links
                shutil.copy2(checkpoints / name, checkpoints / FOLDER / name)


def before_the_end(checkpoint: Path) -> Path:
    """Where that checkpoint of the run is, as it was before the end: aside, or in its place."""
    aside = checkpoint.parent / FOLDER
    return aside / checkpoint.name if aside.is_dir() else checkpoint


def put_back(checkpoints: Path) -> None:
    """Make the checkpoints what they were; nothing is done where nothing was set aside."""
    aside = checkpoints / FOLDER
    if not aside.is_dir():
        return
    for name in NAMES:
        if (aside / name).exists():
            os.replace(aside / name, checkpoints / name)
        else:
            (checkpoints / name).unlink(missing_ok=True)
    forget(checkpoints)


def forget(checkpoints: Path) -> None:
    shutil.rmtree(checkpoints / FOLDER, ignore_errors=True)
