"""A sweep from its first job to its table."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from initlab.console import from_here, say, say_command
from initlab.invocation import command
from initlab.latest import LATEST_SWEEP
from initlab.numbers import listed
from initlab.sweeps.folder import SweepFolder
from initlab.sweeps.job import STOPPED
from initlab.sweeps.progress import Progress, watching
from initlab.sweeps.trusted import to_repeat


@contextmanager
def running(sweep: SweepFolder, total: int, elsewhere: bool, write_page: Callable[[Path], Path]) -> Iterator[None]:
    """Show progress while the jobs run, then the table; a sweep that is stopped prints how to resume it. Afterwards
    other processes may resume it, and workers that are left end.

    Args:
        total: how many jobs there will be.
        elsewhere: they run in other processes.
        write_page: of the sweep in a folder, at its end; returns where the page is.

    Raises:
        SystemExit: 143 after SIGTERM, 130 after Ctrl-C, 1 with a sentence when jobs failed.
    """
    progress = Progress(sweep, total)
    sigterm = threading.Event()
    try:
        with _sigterm_stops(sigterm), watching(progress, elsewhere):
            yield
    except (KeyboardInterrupt, SystemExit) as stop:
        code = 130 if isinstance(stop, KeyboardInterrupt) else 143 if sigterm.is_set() else stop.code
        if code in STOPPED:
            _print_how_to_resume(sweep, total)
        raise SystemExit(code) from None
    except Exception:
        _print_how_to_resume(sweep, total)
        raise
    else:
        close(sweep, write_page)
    finally:
        sweep.release()


def close(sweep: SweepFolder, write_page: Callable[[Path], Path]) -> None:
    """Table, page, and an exit status that says whether every job ended well."""
    from initlab.sweeps.summary import summarize
    from initlab.sweeps.table import show, write_csv

    table = summarize(sweep.path)
    write_csv(table, sweep.path / "sweep.csv")
    show(table)
    here = from_here(sweep.path)
    say(f"{here / 'sweep.csv'}", "table")
    say(f"{from_here(write_page(sweep.path))}", "look", "bold")
    states = {job.folder: sweep.state(job) for job in sweep.jobs}
    failed = [folder for folder, state in states.items() if state == "failed"]
    others = [folder for folder, state in states.items() if state in ("begun", "waiting")]
    if failed:
        again = f"{_resume(sweep)} runs them again"
        if (sweep.path / "optuna.db").exists():  # in which a trial that failed has ended
            again = f"{_resume(sweep)} hydra.sweeper.n_trials={len(states) + len(failed)} makes as many trials more"
        sys.exit(
            f"error: {len(failed)} of {len(states)} jobs failed: {listed(failed)}; each folder's failed.json says why, "
            f"{again}"
        )
    if others:
        sys.exit(
            f"error: {len(others)} of {len(states)} jobs have not ended: {listed(others)}; {_resume(sweep)} runs them, "
            "unless another process still does"
        )


def _print_how_to_resume(sweep: SweepFolder, total: int) -> None:
    done = sum(sweep.state(job) == "done" for job in sweep.jobs)
    say(f"sweep stopped, {done} of {total} jobs done; resume it with:")
    say_command([*command("train"), "-m", *shlex.split(_resume(sweep))], "resume")


def _resume(sweep: SweepFolder) -> str:
    """The words that resume this sweep: `latest` where that is it, and the overrides that its record is not trusted
    with."""
    here = LATEST_SWEEP.exists() and LATEST_SWEEP.samefile(sweep.path)
    folder = f"sweep.resume={'latest' if here else from_here(sweep.path)}"
    return shlex.join([folder, *to_repeat(sweep.about["overrides"])])


@contextmanager
def _sigterm_stops(received: threading.Event) -> Iterator[None]:
    """End the sweep on SIGTERM, and set `received`, as Ray makes a status of its own out of the exit. While a trainer
    runs in this process it has a handler of its own, which ends the step first and calls this one along. One that was
    ignored as the program started stays ignored."""
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        received.set()
        if signal.getsignal(signal.SIGTERM) is stop:
            sys.exit(143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
