"""What sweep.json must hold: it may come from anybody, cut short or edited."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.runs.reading import read_json

NAME = "sweep.json"
OWN_FILES = ("sweep.json", "sweep.csv", "report.html", "optuna.db", "earlier", "submitit")  # of a sweep, not of a job
SEEDS = ("seed", "init_seed", "data.seed", "data.split_seed")  # repeat a setting, are none themselves


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its number, its folder's name, and what sets it apart, as {"init": "xavier", "seed": "0"}."""

    num: int
    folder: str
    overrides: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.overrides.items()) or self.folder


def read_record(folder: Path) -> tuple[dict[str, Any], list[Job]]:
    """The record without its jobs, and the jobs.

    Raises:
        UserError: there is none, or it is not what a sweep writes.
    """
    file = folder / NAME
    if not os.path.lexists(file):
        raise UserError(f"{folder}: there is no sweep in this folder (no {NAME})")
    try:
        content = read_json(file, dict)
        jobs = [_job(item) for item in _typed(content.pop("jobs"), list, "jobs")]
        _typed(content["overrides"], list, "overrides", str)
        for key, values in _typed(content["axes"], dict, "axes").items():
            _typed(values, list, f"axes.{key}", str)
        _typed(content["monitor"], str, "monitor")
        _typed(content.get("id", ""), str, "id")
        if content["mode"] not in ("min", "max"):
            raise ValueError("mode is neither min nor max")
        check_folders(jobs)
        if any(job.overrides.keys() != content["axes"].keys() for job in jobs):
            raise ValueError("a job's overrides are not of the sweep's axes")
        if len({job.num for job in jobs}) < len(jobs):
            raise ValueError("two jobs have one number")
    except (ValueError, TypeError, KeyError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        why = why.removeprefix(f"{file}: ")[:200]
        raise UserError(f"{file}: cannot be read as the record of a sweep ({why}); begin a new sweep") from None
    return content, jobs


def check_folders(jobs: list[Job]) -> None:
    """Each job has a folder of its own, directly in the sweep's.

    Raises:
        UserError: for the first that has not.
    """
    taken: dict[str, Job] = {}
    for job in jobs:
        name = job.folder
        if name in ("", ".", "..") or "/" in name or "${" in name or not name.isprintable() or len(name.encode()) > 255:
            raise UserError(f"hydra.sweep.subdir={name}: must be a name, of a folder directly in hydra.sweep.dir")
        alike = name.casefold()  # some file systems take them for one
        if alike.removesuffix(".part") in OWN_FILES:
            raise UserError(f"hydra.sweep.subdir={name}: the sweep itself writes {', '.join(OWN_FILES)}; take another")
        if alike in taken:
            raise UserError(
                f"hydra.sweep.subdir={name}: jobs {taken[alike].num} and {job.num} would share this folder; "
                "leave it out, or put ${hydra.job.num} in it"
            )
        taken[alike] = job


def _job(item: Any) -> Job:
    job = Job(**_typed(item, dict, "a job"))
    if isinstance(job.num, bool) or not isinstance(job.num, int) or job.num < 0:
        raise TypeError(f"a job's num is {job.num}")
    _typed(job.folder, str, "a job's folder")
    for key, value in _typed(job.overrides, dict, "a job's overrides").items():
        _typed(value, str, f"a job's {key}")
    return job


def _typed(value: Any, kind: Any, name: str, of: Any = None) -> Any:
    names: dict[Any, str] = {str: "a text", list: "a list", dict: "a mapping"}
    if not isinstance(value, kind):
        raise TypeError(f"{name} is not {names[kind]}")
    for item in value if of else ():
        _typed(item, of, f"what {name} holds")
    return value
