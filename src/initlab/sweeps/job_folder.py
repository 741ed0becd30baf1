"""The folder of one job: `job.json` in it says which sweep made it, and only that sweep may replace it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.runs.atomic import write_json
from initlab.runs.reader import Reader

NAME = "job.json"
EARLIER = "earlier"


def check_own(folder: Path, mark: Mapping[str, Any]) -> None:
    """Raise UserError unless the folder is missing, empty, or made by the job of this mark."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UserError(f"{folder}: is not a folder, so the job of this name cannot run there; move it away")
    if not folder.is_dir() or not (others(folder) or (folder / NAME).exists()):
        return
    if Reader(folder, lenient=True).json(NAME, dict) != mark:
        raise UserError(
            f"{folder}: this sweep did not make this folder (no {NAME} in it says so), so it does not replace it; "
            "move it away, and the job of this name runs"
        )


def others(folder: Path) -> set[str]:
    """What is in it besides job.json, one that a kill left half written, and the log, which is there before."""
    names = {path.name for path in folder.iterdir() if not path.match(f"{NAME}.*.part")}
    return names - {"run.log", NAME}


def make(folder: Path, mark: Mapping[str, Any]) -> None:
    """Make the folder, if it is not there, and say whose it is."""
    folder.mkdir(exist_ok=True)
    write_json(folder / NAME, dict(mark), indent=None)


def set_aside(folder: Path) -> Path:
    """Move what an earlier attempt left, and what was put there since, to earlier/<job> (earlier/<job>_2, ...)."""
    for handler in logging.getLogger().handlers:  # the next line of run.log opens a new file
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder.absolute():
            handler.close()
    earlier = folder.parent / EARLIER
    earlier.mkdir(exist_ok=True)
    number = 1
    while (target := earlier / (folder.name if number == 1 else f"{folder.name}_{number}")).exists():
        number += 1
    os.rename(folder, target)
    return target
