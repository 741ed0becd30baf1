"""A line for each job that ends, while the sweep runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from initlab.console import say
from initlab.numbers import shown
from initlab.runs import Run
from initlab.runs.outcome import outcome
from initlab.runs.reader import number
from initlab.sweeps.folder import Job, SweepFolder

WORDS = {"trained": "trained, ", "flat": "DID NOT TRAIN, ", "diverged": "DIVERGED, "}
EVERY = 0.5  # seconds between two looks at the folder
_current: Progress | None = None  # of the sweep that this process runs


class Progress:
    """Looks at the jobs' folders, so it sees jobs of any launcher, on any machine that shares the disk.

    Jobs that run in this process call `job_ended` when they have said their last word; of the others a thread
    takes notice.

    total: how many jobs there will be.
    """

    def __init__(self, sweep: SweepFolder, total: int) -> None:
        self.sweep, self.total = sweep, total
        self._said = {job.num for job in sweep.jobs if sweep.state(job) == "done"}  # in an earlier part of the sweep
        self._before = len(self._said)
        self._failed = 0
        self._started = time.monotonic()
        self._look = threading.Lock()

        done = f", {self._before} of them done before" if self._before else ""
        say(f"{total} jobs{done}")

    def look(self) -> None:
        """Say which jobs have ended since the last look."""
        with self._look:
            states = {job.num: (job, self.sweep.state(job)) for job in list(self.sweep.jobs)}
            running = sum(state == "begun" for _, state in states.values())
            for num, (job, state) in states.items():
                if num not in self._said and state in ("done", "failed"):
                    self._said.add(num)
                    self._failed += state == "failed"
                    say(self._line(job, state, running))

    def _line(self, job: Job, state: str, running: int) -> str:
        ended = len(self._said)
        run = Run.lenient(self.sweep.path / job.folder)
        if state == "done":
            summary = run.summary or {}
            word = WORDS.get(outcome(run).word, "")
            score = f"{summary.get('monitor')} {shown(number(summary.get('score')))}"
            how = f"{word}{score}, {number(summary.get('seconds')):.1f} s"
        else:
            how = f"FAILED: {run.error}"
        left = (time.monotonic() - self._started) / (ended - self._before) * (self.total - ended)
        more = [f"{running} running"] if running else []
        more += [f"{self._failed} failed"] if self._failed else []
        more += [f"about {duration(left)} left"] if ended < self.total else []
        tail = f" [{', '.join(more)}]" if more else ""
        return f"job {ended} of {self.total}: {job}: {how}{tail}"


@contextmanager
def watching(progress: Progress, elsewhere: bool) -> Iterator[None]:
    """Say what has ended until the block ends; `elsewhere`: the jobs run in other processes."""
    global _current
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            progress.look()

    thread = threading.Thread(target=watch, name="sweep progress", daemon=True)
    _current = progress
    if elsewhere:
        thread.start()
    try:
        yield
    finally:
        _current = None
        over.set()
        if elsewhere:
            thread.join()
        progress.look()


def job_ended() -> None:
    """A job of this process has ended."""
    if _current:
        _current.look()


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
