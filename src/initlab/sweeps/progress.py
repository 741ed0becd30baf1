"""A line for each job that ends, while the sweep runs; of very many jobs a line a minute."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from initlab.console import say
from initlab.numbers import duration, shown
from initlab.runs import Run
from initlab.runs.outcome import outcome
from initlab.runs.reader import number
from initlab.sweeps.folder import Job, SweepFolder
from initlab.sweeps.score import score_of

WORDS = {"trained": "trained, ", "flat": "DID NOT TRAIN, ", "diverged": "DIVERGED, "}
COUNTED = {"flat": "did not train", "unknown": "unclear"}
ENDS = {"done": "summary.json", "failed": "failed.json"}  # the file that a job ends with
EVERY = 0.5  # seconds between two looks at the folder
MANY = 500  # jobs, from which on single ones are not told, but those that failed
MINUTE = 60.0  # seconds between two lines about so many
MOST_FAILURES = 20  # told one by one
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
        self._failed_before = {job.num: self._stamp(job) for job in sweep.jobs if sweep.state(job) == "failed"}
        self._failed = 0
        self._ends: Counter[str] = Counter()  # of very many jobs: trained, flat, diverged, ...
        self._told = time.monotonic()
        self._began, self._first = time.time(), math.inf  # this part of the sweep; its first job, of those that ended
        self._took = 0.0  # by all that ended in it
        self._look = threading.Lock()

        done = f", {self._before} of them done before" if self._before else ""
        say(f"{total} jobs{done}")

    def look(self) -> None:
        """Say which jobs have ended since the last look."""
        with self._look:
            there = set(os.listdir(self.sweep.path))
            begun = [job for job in list(self.sweep.jobs) if job.num not in self._said and job.folder in there]
            states = [(job, self.sweep.state(job)) for job in begun if not self._is_to_run_again(job)]
            for job, state in states:
                if state in ("done", "failed"):
                    self._note(job, state)
                    self._tell(job, state, [(other, how) for other, how in states if other.num not in self._said])

    def _is_to_run_again(self, job: Job) -> bool:
        """Whether what its folder holds is how it failed in an earlier part of the sweep."""
        return job.num in self._failed_before and self._failed_before[job.num] == self._stamp(job)

    def _stamp(self, job: Job) -> tuple[int, int] | None:
        """Of its failure: another one has another."""
        try:
            found = (self.sweep.path / job.folder / ENDS["failed"]).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _note(self, job: Job, state: str) -> None:
        """That it has ended, and how long it took."""
        ended = self._when(job, ENDS[state]) or time.time()
        begun = self._when(job, "config.yaml") or ended
        self._first = min(self._first, begun)
        self._took += ended - begun
        self._said.add(job.num)
        self._failed += state == "failed"

    def _when(self, job: Job, name: str) -> float | None:
        """The time of a file of the job's, in this part of the sweep; None: there is none."""
        try:
            return max((self.sweep.path / job.folder / name).stat().st_mtime, self._began)
        except OSError:
            return None

    def _tell(self, job: Job, state: str, others: Sequence[tuple[Job, str]]) -> None:
        run = Run.lenient(self.sweep.path / job.folder)
        if self.total < MANY:
            say(f"job {len(self._said)} of {self.total}: {job}: {self._how(run, state)}{self._tail(others)}")
            return
        self._ends[outcome(run).word] += 1
        if state == "failed" and self._failed <= MOST_FAILURES:
            say(f"{job}: {self._how(run, state)}")
        if (now := time.monotonic()) - self._told >= MINUTE or len(self._said) == self.total:
            self._told = now
            ends = ", ".join(f"{count} {COUNTED.get(word, word)}" for word, count in self._ends.most_common())
            say(f"{len(self._said)} of {self.total} jobs: {ends}{self._tail(others)}")

    def _how(self, run: Run, state: str) -> str:
        if state == "failed":
            return f"FAILED: {run.error}"
        summary = run.summary or {}
        word, monitor = WORDS.get(outcome(run).word, ""), str(summary.get("monitor"))
        score = f"{monitor} {shown(score_of(run, monitor, None))}"  # at the end, as in the table
        return f"{word}{score}, {number(summary.get('seconds')):.1f} s"

    def _tail(self, others: Sequence[tuple[Job, str]]) -> str:
        """` [2 running, 1 failed, about 40 s left]`"""
        running, left = sum(state == "begun" for _, state in others), self._left([job for job, _ in others])
        more = [f"{running} running"] if running else []
        more += [f"{self._failed} failed"] if self._failed else []
        more += [f"about {duration(left, 2)} left"] if left >= 1 else []
        return f" [{', '.join(more)}]" if more else ""

    def _left(self, begun: Sequence[Job]) -> float:
        """Seconds, as fast as until now. A job that has begun counts by the share of the mean time of a job that it has
        had: of many side by side the first that ends leaves little of the others to wait for."""
        ended = len(self._said) - self._before
        now, mean = time.time(), self._took / ended
        starts = [start for job in begun if (start := self._when(job, "config.yaml")) is not None]
        done = ended + sum(min(1.0, (now - start) / mean) if mean > 0 else 1.0 for start in starts)
        return (now - self._first) / done * (self.total - self._before - done)


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
