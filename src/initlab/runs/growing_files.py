"""The files of a run that only ever grow, cut back to what they held when a checkpoint was made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PATTERNS = ("metrics.csv", "signal.csv", "activations.csv", "histograms.csv", "tensorboard/events.*")


def lengths(folder: str | Path) -> dict[str, int]:
    """Bytes of each, by its path in the run's folder."""
    folder = Path(folder)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in _growing(folder)}


def cut_back(folder: str | Path, lengths: Mapping[str, int]) -> list[str]:
    """Make each as long as it was; one that was not there goes. Names those that have become shorter since.

    So whatever a killed run wrote after its last checkpoint is gone, to the byte, for every reader.
    """
    folder = Path(folder)
    there = {path.relative_to(folder).as_posix(): path for path in _growing(folder)}
    for name, path in there.items():
        if name not in lengths:
            path.unlink()
        elif path.stat().st_size > lengths[name]:
            os.truncate(path, lengths[name])
    return [name for name, n in lengths.items() if name not in there or there[name].stat().st_size < n]


def _growing(folder: Path) -> list[Path]:
    return sorted(path for pattern in PATTERNS for path in folder.glob(pattern) if path.is_file())
