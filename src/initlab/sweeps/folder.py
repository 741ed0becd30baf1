"""A sweep's folder: its words, its jobs, and how far each has come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.runs.atomic import whole_file
from initlab.runs.latest import point_latest_to

SEEDS = ("seed", "init_seed", "data.seed", "data.split_seed")  # repeat a setting, are none themselves


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its number, its folder's name, and what sets it apart, as {"init": "xavier", "seed": "0"}."""

    num: int
    folder: str
    overrides: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.overrides.items()) or self.folder


class SweepFolder:
    """The folder of a sweep, and `sweep.json` in it.

    sweep.json   the words typed, the axes and the jobs; it grows where a sweeper chooses as it goes
    sweep.csv    the closing table
    <job>/       a run's folder, with summary.json when it ended well and failed.json when it did not
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.about: dict[str, Any] = {}
        self.jobs: list[Job] = []

    @classmethod
    def read(cls, path: str | Path) -> SweepFolder:
        """The sweep that was begun in `path`."""
        sweep = cls(path)
        try:
            about = json.loads((sweep.path / "sweep.json").read_text())
            sweep.jobs = [Job(**job) for job in about.pop("jobs")]
            about["overrides"], about["axes"], about["monitor"], about["mode"]
        except OSError:
            raise UserError(f"{path}: there is no sweep in this folder (no sweep.json)") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UserError(f"{path}/sweep.json: cannot be read; begin the sweep anew") from None
        sweep.about = about
        return sweep

    def begin(self, about: Mapping[str, Any], jobs: list[Job]) -> None:
        """Take the folder for a new sweep; one that already holds a sweep is refused."""
        if (self.path / "sweep.json").exists():
            raise UserError(
                f"hydra.sweep.dir={self.path}: this folder already holds a sweep; "
                f"choose another, or go on with it: sweep.resume={self.path}"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.about, self.jobs = dict(about), jobs
        self.write()

    def add(self, *jobs: Job) -> None:
        """Jobs that were chosen on the way; a number that is there already is replaced."""
        self.jobs = sorted([*(j for j in self.jobs if j.num not in {n.num for n in jobs}), *jobs], key=lambda j: j.num)
        self.write()

    def write(self) -> None:
        with whole_file(self.path / "sweep.json") as file:
            content = {**self.about, "jobs": [asdict(job) for job in self.jobs]}
            file.write((json.dumps(content, indent=2) + "\n").encode())
        point_latest_to(self.path)

    def state(self, job: Job) -> str:
        """`done`, `failed`, `begun` (running, or ended by a kill) or `waiting`."""
        folder = self.path / job.folder
        for name, state in (("summary.json", "done"), ("failed.json", "failed"), ("config.yaml", "begun")):
            if (folder / name).exists():
                return state
        return "waiting"

    def content(self, job: Job, name: str) -> Any:
        """What a JSON file of a job's folder holds; None where it is missing or cannot be read."""
        try:
            return json.loads((self.path / job.folder / name).read_text())
        except (OSError, ValueError):
            return None
