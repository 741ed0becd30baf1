"""The command of a run with something changed, to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from initlab.composition import compose
from initlab.errors import UserError
from initlab.explaining.changed import changed
from initlab.invocation import command
from initlab.override import replaced
from initlab.report.captions import words_of
from initlab.runs import Run
from initlab.runs.config_file import leaves

TRAINED_BY = ("lr", "optimizer", "init", "model", "data", "scheduler")


def command_with(run: Run, config: dict[str, Any], words: Sequence[str]) -> str:
    """Of what was typed; of a run that no command made, what changes in its `compose(...)`."""
    kept = words_of(run)
    if kept is None:
        return f"compose(..., {', '.join(map(repr, words))})"
    every = replaced(kept, words)
    with suppress(UserError, HydraException, OmegaConfBaseException):
        every += _missing(every, changed(config, words))
    return shlex.join([*command("train"), *every])


def _missing(words: Sequence[str], wanted: dict[str, Any]) -> Iterator[str]:
    """Values that these words do not give: an `experiment=` among them has the last word over an option's."""
    made: Any = OmegaConf.to_container(compose(*words, run_dir="a_run"), resolve=True)
    there = {".".join(path): value for path, value in leaves({key: made.get(key) for key in TRAINED_BY})}
    for path, value in leaves({key: wanted.get(key) for key in TRAINED_BY}):
        key = ".".join(path)
        if key == "optimizer.lr" and value == wanted.get("lr"):
            continue
        if isinstance(value, (bool, int, float)) and key in there and there[key] != value:
            yield f"{key}={str(value).lower()}"
