"""`-m sweep.resume=latest`: the words of the sweep that goes on."""

from __future__ import annotations

from pathlib import Path

from initlab.errors import UserError
from initlab.sweeps.folder import SweepFolder

KEY = "sweep.resume="
ABOUT_MACHINES = ("hydra/launcher=", "hydra.launcher.", "hydra.sweeper.")


def words_of_resume(words: list[str]) -> list[str]:
    """The command line to run instead of `words`: unchanged, or with `sweep.resume=FOLDER` the words of that sweep.

    Words about machines and the number of trials (hydra/launcher=..., hydra.sweeper.n_trials=...) may be added; they
    win over the stored ones.
    """
    asked = [word for word in words if word.startswith(KEY)]
    if not asked:
        return words
    name = asked[-1].removeprefix(KEY).strip("'\"")
    folder = Path("outputs/sweeps/latest") if name == "latest" else Path(name)
    added = [word for word in words if word not in ("-m", "--multirun") and not word.startswith(KEY)]
    for word in added:
        if not word.startswith(ABOUT_MACHINES):
            raise UserError(
                f"{word}: a sweep that goes on has its own words, in {folder}/sweep.json; "
                f"leave this out, or begin a new sweep without {KEY.rstrip('=')}"
            )
    sweep = SweepFolder.read(folder)
    replaced = {word.partition("=")[0] for word in added}
    stored = [word for word in sweep.about["overrides"] if word.partition("=")[0] not in replaced]
    path = str(folder.resolve()).replace("'", r"\'")
    return ["--multirun", *stored, *added, f"hydra.sweep.dir='{path}'", "hydra.sweeper.resume=true"]
