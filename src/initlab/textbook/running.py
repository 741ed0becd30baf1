"""The runs of a page: the sweep that its heading shows, in this process."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from initlab.cli.main import main
from initlab.runs import Run
from initlab.sweeps.folder import SweepFolder
from initlab.sweeps.record import NAME, SEEDS
from initlab.textbook.page import Page

INTERRUPTED, TERMINATED = 130, 143  # exit statuses


@dataclass(frozen=True)
class Ran:
    """One run of a page. setting: what it swept, without seeds; error: one sentence where it failed."""

    setting: dict[str, str]
    folder: Path
    error: str = ""


def run_page(page: Page, folder: Path, more: Sequence[str] = ()) -> list[Ran]:
    """Every run of the page, on one thread of the CPU, as a population; `more`: overrides.

    A run leaves metrics.csv and what the callbacks that the page keeps write. The other callbacks, TensorBoard and the
    terminal are left out, which changes no figure but those of the test set: they are of the last weights.
    """
    words = ["-m", f"experiment={page.name}", "trainer.accelerator=cpu", "threads=1", "hydra/launcher=population"]
    words += [f"{part}=null" for part in page.parts if part not in page.keeps]
    words += ["hydra.sweeper.params=null", *(f"{key}={','.join(values)}" for key, values in page.axes.items())]
    refused = _train([*words, *more, f"hydra.sweep.dir={folder}"])
    settings = [{key: value for key, value in job.items() if key not in SEEDS} for job in page.jobs]
    if not (folder / NAME).exists():
        return [Ran(setting, folder, refused) for setting in settings]
    runs = [Run.lenient(folder / job.folder) for job in SweepFolder.read(folder).jobs]
    return [
        Ran(setting, run.path, "" if run.summary else run.failed.get("error", "it did not end"))
        for setting, run in zip(settings, runs, strict=True)
    ]


def _train(words: list[str]) -> str:
    """`python scripts/train.py WORDS`, of whose output only the sentence of an error is kept."""
    from initlab.run import train

    said, before = io.StringIO(), sys.argv
    sys.argv = ["scripts/train.py", *words]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            main("train")(lambda cfg: train(cfg).score)()
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            raise KeyboardInterrupt from None
        if leaving.code == TERMINATED:
            raise
    finally:
        sys.argv = before
    return said.getvalue().strip().removeprefix("error: ")
