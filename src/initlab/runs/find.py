"""Which folder is meant by `latest`, by the name of a run, by a path."""

from __future__ import annotations

import os
from pathlib import Path

from initlab.checks.rule import nearest
from initlab.errors import UserError
from initlab.latest import LATEST_RUN, newest

RUNS = Path("outputs/runs")
MARKS = ("config.yaml", "summary.json", "failed.json", "metrics.csv", "signal.csv", "findings.json")  # each is a run's


def is_run(folder: Path) -> bool:
    """Whether a run has left anything in it."""
    return any((folder / name).is_file() for name in MARKS)


def find_run(word: str | Path, key: str = "run") -> Path:
    """The folder of a run: `latest`, a path, or the name of a folder in outputs/runs. `latest` and links are followed.

    Raises:
        UserError: there is no such folder, or it holds no run; `key` is what the person typed it for.
    """
    typed = Path(word)
    if str(word) == "latest" and not typed.exists():
        return _latest(key)
    folder = next((path for path in (typed, RUNS / typed) if path.is_dir()), None)
    if folder is None:
        place = typed.parent if typed.parent != Path() and typed.parent.is_dir() else RUNS
        near = nearest(typed.name, [*_names(place), "latest"])
        meant = "latest" if near == "latest" else place / near if near else None
        hint = f"; did you mean {meant}?" if meant else f"; {key}=latest is the newest in {RUNS}"
        raise UserError(f"{key}={word}: there is no such folder{hint}")
    if not os.path.lexists(folder / "config.yaml"):
        inside = sorted(path.parent.name for path in folder.glob("*/config.yaml"))
        hint = f"; take one of the {len(inside)} runs in it, such as {key}={folder / inside[0]}" if inside else ""
        raise UserError(f"{key}={word}: no run is in this folder, it has no config.yaml{hint}")
    return folder.resolve()


def _latest(key: str) -> Path:
    """The folder that outputs/latest_run links to; the newest by name where that leads nowhere."""
    folder = newest(LATEST_RUN, "config.yaml")
    if folder is None:
        raise UserError(f"{key}=latest: there are no runs in {RUNS.absolute()}")
    return find_run(folder, key)


def _names(folder: Path) -> list[str]:
    """Of the runs in a folder; they begin with their time, so the last is the newest."""
    return sorted(path.parent.name for path in folder.glob("*/config.yaml"))
