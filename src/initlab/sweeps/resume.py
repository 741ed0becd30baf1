"""`-m sweep.resume=latest`: the overrides of the sweep that resumes."""

from __future__ import annotations

import re
from pathlib import Path

from initlab.checks.rule import did_you_mean
from initlab.errors import UserError
from initlab.latest import LATEST_SWEEP, newest
from initlab.shipped import CONFIGS
from initlab.sweeps.record import NAME, read_record
from initlab.sweeps.trusted import assignment, to_repeat

KEY = "sweep.resume="
ABOUT_MACHINES = ("hydra/launcher=", "hydra.launcher.", "hydra.sweeper.")


def words_of_resume(words: list[str]) -> list[str]:
    """The command line to run instead of `words`: unchanged, or with `sweep.resume=FOLDER` the overrides of that sweep.

    Overrides about machines and the number of trials (hydra/launcher, hydra.sweeper.n_trials) may be added; they
    win over the recorded ones. Recorded ones that could run code or write elsewhere must be typed again.
    """
    _check_sweeper(words)
    asked = [word for word in words if word.startswith(KEY)]
    if not asked:
        return words
    name = asked[-1].removeprefix(KEY).strip("'\"")
    if not name:
        raise UserError(f"{KEY}: needs the folder of a sweep, or latest")
    folder = newest(LATEST_SWEEP, NAME) if name == "latest" else Path(name)
    if folder is None:
        raise UserError(f"{KEY}latest: there are no sweeps in {LATEST_SWEEP.with_name('sweeps').absolute()}")
    about, _ = read_record(folder)
    recorded: list[str] = about["overrides"]
    added = [word for word in words if word not in ("-m", "--multirun") and not word.startswith(KEY)]
    for word in added:
        if not word.startswith(ABOUT_MACHINES) and word not in recorded:
            raise UserError(
                f"{word}: a sweep that resumes has its own overrides, in {folder / NAME}; "
                f"leave this out, or begin a new sweep without {KEY.rstrip('=')}"
            )
    replaced = {word.partition("=")[0] for word in added}
    launcher = any(word.startswith("hydra/launcher=") and word not in recorded for word in added)
    kept = [
        word
        for word in recorded
        if word.partition("=")[0] not in replaced and not (launcher and word.startswith("hydra.launcher."))
    ]
    refused = to_repeat(kept)
    if refused:
        raise UserError(
            f"{folder / NAME}: {refused[0]}: could run code or write outside the sweep, so it is not taken from there; "
            f"if it is your own, type it again after {KEY}{name}"
        )
    place = assignment("hydra.sweep.dir", str(folder.resolve()))
    return ["--multirun", *kept, *added, place, "hydra.sweeper.resume=true"]


def _check_sweeper(words: list[str]) -> None:
    """Others than the shipped ones keep no record of which folders are a sweep's own."""
    options = sorted(path.stem for path in (CONFIGS / "hydra" / "sweeper").glob("*.yaml"))
    for word in words:
        key, _, value = word.lstrip("+").partition("=")
        if key == "hydra/sweeper" and value.strip("'\" ") not in options:
            raise UserError(f"{word}: no such sweeper{did_you_mean(value, options)} ({', '.join(options)})")
        if re.fullmatch(r"~?hydra\.(sweeper|launcher)(\._target_)?", key):
            plugin = key.strip("~").split(".")[1]
            raise UserError(f"{word}: choose the {plugin} by its name, hydra/{plugin}=...")
