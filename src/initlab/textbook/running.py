"""The runs of a page: each in this process, on one thread of the CPU, into a folder of its own."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from initlab.composition import compose
from initlab.error_sentence import sentence_for
from initlab.errors import reason
from initlab.sweeps import job_folder
from initlab.sweeps.job import record_failure
from initlab.sweeps.record import SEEDS
from initlab.textbook.page import Page


@dataclass(frozen=True)
class Ran:
    """One run of a page. setting: what it swept, without seeds; error: one sentence where it failed."""

    setting: dict[str, str]
    folder: Path
    seconds: float
    error: str = ""


def run_page(page: Page, folder: Path, seeds: int | None = None, more: Sequence[str] = ()) -> list[Ran]:
    """Every run of the page, one after the other; `seeds`: at most so many of each setting; `more`: overrides."""
    jobs = page.jobs(seeds)
    return [run_one(page.name, page.keeps, job, folder / str(i), more) for i, job in enumerate(jobs)]


def run_one(name: str, keeps: Sequence[str], job: Mapping[str, str], folder: Path, more: Sequence[str] = ()) -> Ran:
    """Train one run and leave metrics.csv and what the callbacks of these names write; a run that fails leaves
    failed.json.

    The other callbacks, TensorBoard and the terminal are left out, which changes no figure but those of the test set:
    they are of the last weights.
    """
    from initlab.run import train

    started = time.perf_counter()
    error = ""
    try:
        words = [f"{key}={value}" for key, value in job.items()]
        cfg = compose(f"experiment={name}", *words, "trainer.accelerator=cpu", "threads=1", *more, run_dir=folder)
        for group, kept in (("callbacks", keeps), ("logger", ("csv",))):
            for key in cfg[group]:
                if key not in kept:
                    cfg[group][key] = None
        folder.parent.mkdir(parents=True, exist_ok=True)
        job_folder.make(folder, job)  # so it searches for no fix, which takes a second where a deep network is at fault
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            train(cfg)
    except Exception as trouble:
        error = sentence_for(trouble) or reason(trouble, whole=True)
        record_failure(folder, error, traceback.format_exc())
    setting = {key: value for key, value in job.items() if key not in SEEDS}
    return Ran(setting, folder, time.perf_counter() - started, error)
