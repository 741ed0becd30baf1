"""The files of a run that grow, cut back to what they held when a checkpoint was made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from initlab.runs.epoch_table import cut_back_table
from initlab.runs.event_files import original_name

METRICS = "metrics.csv"
ROWS, FINDINGS = ("signal.csv", "activations.csv"), "findings.json"
PATTERNS = (*ROWS, "histograms.csv", "tensorboard/events.*")


def lengths(folder: str | Path) -> dict[str, int]:
    """Bytes of each, by its path in the run's folder."""
    return {name: path.stat().st_size for name, path in _growing(Path(folder)).items()}


def cut_back(folder: str | Path, lengths: Mapping[str, int], table: Mapping[str, Any] | None = None) -> list[str]:
    """Make each as long as it was; one that was not there goes. Names those that have become shorter since.

    So whatever a killed run wrote after its last checkpoint is gone, to the byte, for every reader. metrics.csv, whose
    heading may have changed since, becomes what `table` says (`EpochTable.state_dict`). What was found in rows that
    were not there yet goes with them.
    """
    folder = Path(folder)
    if METRICS not in lengths:  # as it is in a checkpoint from before there was `table`
        whole = cut_back_table(folder / METRICS, table or {"columns": [], "rows": 0})
        return _cut_back(folder, lengths) + ([] if whole else [METRICS])
    return _cut_back(folder, lengths)


def _cut_back(folder: Path, lengths: Mapping[str, int]) -> list[str]:
    there = _growing(folder)
    if METRICS in lengths and (folder / METRICS).is_file():
        there[METRICS] = folder / METRICS
    for name, path in there.items():
        if name not in lengths:
            path.unlink()
            if name in ROWS:
                (folder / FINDINGS).unlink(missing_ok=True)
        elif path.stat().st_size > lengths[name]:
            os.truncate(path, lengths[name])
    return [name for name, n in lengths.items() if name not in there or there[name].stat().st_size < n]


def _growing(folder: Path) -> dict[str, Path]:
    """By the name that each had when it was made."""
    paths = sorted(path for pattern in PATTERNS for path in folder.glob(pattern) if path.is_file())
    return {original_name(path.relative_to(folder).as_posix()): path for path in paths}
