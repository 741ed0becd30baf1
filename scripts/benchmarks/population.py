"""What training networks as one stack gives: the same sweep by the basic launcher, by `population`, and by joblib."""

from __future__ import annotations

import contextlib
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.table import quartiles
from benchmarks.turns import Times, Turn, alternate
from initlab.population.updates import Updates
from initlab.training import Updating

SCRIPT = Path(__file__).resolve().parents[1] / "train.py"
IMAGES, ONE_ORDER = "data=fashion_mnist", "data.seed=0"
NARROW = ("model=mlp", "model.depth=5", IMAGES)
CASES = {
    "linear 2-1, 32 rows, data of its own": ("model=linear", "data=synthetic_regression"),
    "softmax 784-10, 256 rows, one order": ("model=softmax", IMAGES, ONE_ORDER),
    "softmax 784-10, 256 rows, an order of its own": ("model=softmax", IMAGES),
    "MLP 784-256-10, 256 rows, one order": ("model=mlp", IMAGES, ONE_ORDER),
    "depth 5, width 64, 128 rows, one order": (*NARROW, "model.width=64", "data.batch_size=128", ONE_ORDER),
    "depth 5, width 64, 128 rows, an order of its own": (*NARROW, "model.width=64", "data.batch_size=128"),
    "depth 5, width 32, 64 rows, one order": (*NARROW, "model.width=32", "data.batch_size=64", ONE_ORDER),
    "depth 5, width 32, 64 rows, an order of its own": (*NARROW, "model.width=32", "data.batch_size=64"),
}
ALONE, TOGETHER, JOBLIB = "basic launcher", "population", "joblib"


def population(rounds: int, models: int, epochs: int, threads: int, chosen: str) -> Times:
    """CPU seconds a job, everything counted, in this process; noted: of the updates alone that no callback looks at,
    and the time on the clock next to joblib's. `chosen`: part of the names of the cases to be run."""
    times = Times({}, {})
    for name, words in CASES.items():
        if chosen not in name:
            continue
        common = [*words, f"seed=range({models})", f"trainer.max_epochs={epochs}", "trainer=cpu"]
        updates: dict[str, list[float]] = {ALONE: [], TOGETHER: []}
        clock: dict[str, list[float]] = {ALONE: [], TOGETHER: [], JOBLIB: []}

        def turn(launcher: str, common: list[str] = common, clock: Any = clock, updates: Any = updates) -> float:
            option = {ALONE: "basic", TOGETHER: "population", JOBLIB: "joblib"}[launcher]
            more = [] if launcher == JOBLIB else [f"threads={threads}"]
            started, used = time.perf_counter(), time.process_time()
            with _timed_updates() as spent:
                sweep([*common, f"hydra/launcher={option}", *more])
            clock[launcher].append(time.perf_counter() - started)
            if launcher in updates:
                updates[launcher].append(spent[0] / models)
            return (time.process_time() - used) / models

        turns: dict[str, Turn] = {f"{name}: {launcher}": partial(turn, launcher) for launcher in (ALONE, TOGETHER)}
        base = f"{name}: {ALONE}"
        found = alternate(turns, rounds, base)
        turn(JOBLIB)
        times.seconds |= found.seconds
        times.ratios |= found.ratios
        gains = [a / b for a, b in zip(updates[ALONE][1:], updates[TOGETHER][1:], strict=True)]
        whole = [a / b for a, b in zip(*(found.seconds[key] for key in turns), strict=True)]
        times.notes.append(
            f"{name}, {models} models: sooner by {_shown(whole)}, the updates alone by {_shown(gains)}; on the clock "
            f"{clock[TOGETHER][-1]:.0f} s, basic {clock[ALONE][-1]:.0f} s, joblib {clock[JOBLIB][-1]:.0f} s"
        )
    return times


def _shown(ratios: list[float]) -> str:
    low, middle, high = quartiles(ratios)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def sweep(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/terminal.txt", "w+") as terminal:
        with (
            patch.object(sys, "argv", [str(SCRIPT), "-m", *words, f"hydra.sweep.dir={folder}/sweep"]),
            contextlib.redirect_stdout(terminal),
            contextlib.redirect_stderr(terminal),
            contextlib.suppress(SystemExit),
        ):
            runpy.run_path(str(SCRIPT), run_name="__main__")
        if not Path(folder, "sweep", "sweep.csv").exists():
            terminal.seek(0)
            raise RuntimeError(terminal.read())


@contextmanager
def _timed_updates() -> Iterator[list[float]]:
    """CPU seconds of the calls that make several updates."""
    spent = [0.0]

    def timed(call: Any) -> Any:
        def run(*args: Any) -> Any:
            started = time.thread_time()
            try:
                return call(*args)
            finally:
                spent[0] += time.thread_time() - started

        return run

    with (
        patch.object(Updates, "serve", timed(Updates.serve)),
        patch.object(Updating, "_several_updates", timed(Updating._several_updates)),
    ):
        yield spent
