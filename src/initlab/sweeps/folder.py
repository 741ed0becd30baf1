"""A sweep's folder: its overrides, its jobs, and how far each has come."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.latest import point_latest_to
from initlab.runs.atomic import write_json
from initlab.runs.locks import Lock
from initlab.sweeps.job_folder import check_own
from initlab.sweeps.record import NAME, Job, check_folders, read_record


class SweepFolder:
    """The folder of a sweep, and `sweep.json` in it.

    sweep.json   the overrides typed, the axes and the jobs; it grows where a sweeper chooses trial by trial
    sweep.csv    the closing table
    <job>/       a run's folder, with job.json, which says that this sweep made it, summary.json when it ended well and
                 failed.json when it did not
    earlier/     job folders that were replaced: nothing is deleted
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.abspath(path))
        self.about: dict[str, Any] = {}
        self.jobs: list[Job] = []
        self._lock = Lock(self.path, "this sweep is running in another process")

    @classmethod
    def read(cls, path: str | Path) -> SweepFolder:
        """The sweep that was begun in `path`."""
        sweep = cls(path)
        sweep.about, sweep.jobs = read_record(Path(path))
        return sweep

    @classmethod
    def resume(cls, path: str | Path) -> SweepFolder:
        """The same, for this process alone.

        Raises:
            UserError: another process runs it; a link is among what a sweep writes; a folder named as a job's was not
                made by this sweep.
        """
        sweep = cls.read(path)
        sweep._lock.take()
        sweep.about, sweep.jobs = read_record(sweep.path)  # the process that held it until now may have added jobs
        if "id" not in sweep.about:
            raise UserError(
                f"{sweep.path / NAME}: does not say which folders the sweep made, as it is from an earlier version of "
                "this package; begin a new sweep"
            )
        for folder in (sweep.path, *(sweep.path / job.folder for job in sweep.jobs)):
            _check_no_links(folder)
        for job in sweep.jobs:
            check_own(sweep.path / job.folder, sweep.mark(job))
        return sweep

    def begin(self, about: Mapping[str, Any], jobs: list[Job]) -> None:
        """Take the folder for a new sweep; one that is not new or empty is refused, so that nothing is overwritten."""
        check_folders(jobs)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"hydra.sweep.dir={self.path}: {error.strerror}; choose a folder that can be made"
            ) from None
        self._lock.take()
        if (self.path / NAME).exists():
            raise UserError(
                f"hydra.sweep.dir={self.path}: this folder already holds a sweep; "
                f"choose another, or resume it: sweep.resume={self.path}"
            )
        if any(self.path.iterdir()):
            raise UserError(f"hydra.sweep.dir={self.path}: this folder is not empty; choose one that is new or empty")
        self.about, self.jobs = {**about, "id": uuid.uuid4().hex}, jobs
        self.write()

    def add(self, *jobs: Job) -> None:
        """Record jobs that were chosen on the way; a number that is there already is replaced."""
        new = {job.num for job in jobs}
        jobs_then = sorted([*(job for job in self.jobs if job.num not in new), *jobs], key=lambda job: job.num)
        check_folders(jobs_then)
        for job in jobs:
            check_own(self.path / job.folder, self.mark(job))
        self.jobs = jobs_then
        self.write()

    def write(self) -> None:
        write_json(self.path / NAME, {**self.about, "jobs": [asdict(job) for job in self.jobs]})
        point_latest_to(self.path)

    def mark(self, job: Job) -> dict[str, Any]:
        """What the job's folder holds in job.json."""
        return {"sweep": self.about["id"], "job": job.num}

    def state(self, job: Job) -> str:
        """`done`, `failed`, `begun` (running, or ended by a kill) or `waiting`."""
        folder = self.path / job.folder
        for name, state in (("summary.json", "done"), ("failed.json", "failed"), ("config.yaml", "begun")):
            if (folder / name).exists():
                return state
        return "waiting"

    def release(self) -> None:
        """Other processes may resume it, and workers that are left end."""
        self._lock.release()


def _check_no_links(folder: Path) -> None:
    """What lies in a folder lies there: else a sweep would write somewhere else."""
    for entry in _entries(folder):
        if entry.is_symlink():
            raise UserError(
                f"{entry.path}: is a symbolic link, which a sweep that resumes does not follow; "
                "put what it points to in its place, or remove it"
            )


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return ()
