"""`resume=latest trainer.max_epochs=20`: the run's own config, never today's defaults, with few values changed."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from initlab.checks.rule import nearest
from initlab.errors import UserError
from initlab.invocation import command
from initlab.override import override, quoted
from initlab.runs.allowed import allowed_names, to_allow
from initlab.runs.config_file import read_config
from initlab.runs.find import find_run
from initlab.runs.open_run import Run
from initlab.runs.run_dir import RunDir

# What may change when a run resumes: not what the steps so far were made with.
WITHOUT = {"max_epochs": 10, "max_steps": -1, "max_time": None, "min_epochs": None, "min_steps": None}
LIMITS = tuple(WITHOUT)  # of a run; values of one from before there were these keys
MAY_CHANGE = (
    *(f"trainer.{key}" for key in LIMITS),
    "trainer.accelerator",
    "trainer.profiler",
    "trainer.detect_anomaly",
    "threads",
)
GROUPS_THAT_MAY = ("callbacks.", "hydra.")
MAY_NOT = ("callbacks.best.", "hydra.run.", "hydra.sweep", "hydra.mode")


def resumed(words: Sequence[str], config_name: str) -> tuple[str, list[str]]:
    """The config to compose and the words for it.

    Without `resume=` among the words: those that were given. With it: the name under which the run's own config has
    been put into Hydra's store, and the words that change it. With `allow=my_package` its classes are taken too (see
    `initlab.runs.allowed`).

    Raises:
        UserError: there is no such run; a word changes what the run is.
        SystemExit: with status 0 and a sentence, for a run that is finished and not asked to go further.
    """
    allow = [word for word in words if word.startswith("allow=")]
    typed = [word for word in words if re.match(r"[~+]*\w[\w./@]*=|~", word)]  # the others are Hydra's flags
    typed = [word for word in typed if word not in allow]
    overrides = dict(zip(typed, OverridesParser.create().parse_overrides(typed), strict=True))
    chosen = [word for word, o in overrides.items() if o.key_or_group == "resume" and o.value() is not None]
    if not chosen:
        if allow:
            raise UserError(f"{allow[0]}: goes with resume=, a new run takes any class that its config names")
        return config_name, list(words)
    if {"-m", "--multirun"} & set(words):
        raise UserError(f"{chosen[0]}: one run is resumed, without -m")
    values = {o.key_or_group: o.value() for o in overrides.values()}
    # One of several processes: Lightning started it with the words and the folder of the first.
    follower = "LOCAL_RANK" in os.environ
    names = [name for word in allow for name in allowed_names(word.partition("=")[2])]
    run = Run(find_run(str(values["hydra.run.dir" if follower else "resume"]), "resume"), allow=names)
    RunDir(run.path).check()
    run.check()
    kept = [word for word in words if word not in (*chosen, *allow)]
    for word in kept:
        if word in overrides and not follower:
            _check_may_change(overrides[word], run)
    _check_unfinished(run, values)
    ConfigStore.instance().store(name="resumed", node=own_config(run))
    return "resumed", [*kept, f"hydra.run.dir={quoted(run.path)}"]


def own_config(run: Run) -> dict[str, Any]:
    """The run's resolved config as Hydra composes it: `resume` is its folder, and the paths in it follow the folder,
    which may have been moved. As many threads as it had, since other numbers round differently."""
    config = cast("dict[str, Any]", OmegaConf.to_container(run.config))
    moved = _with_folder(config, str(run.path))
    trainer = moved["trainer"]
    threads = config.get("threads") or run.environment.get("threads")
    return {
        **moved,
        "trainer": trainer | {key: value for key, value in WITHOUT.items() if key not in trainer},
        "defaults": [{"hydra": "default"}, "_self_"],
        "run_dir": "${hydra:runtime.output_dir}",
        "resume": str(run.path),
        "threads": threads,
    }


def how_to_resume(run_dir: Path) -> str:
    """The command that resumes a run, as short as can be typed here. It allows the run's classes: it is for
    a user who has run them, or has allowed them."""
    path = run_dir.absolute()
    short = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    try:
        allow = to_allow(read_config(path), path)
    except UserError:
        allow = []
    return " ".join(
        [*command("train"), override("resume", short), *(shlex.quote(f"allow={','.join(allow)}") for _ in allow[:1])]
    )


def _with_folder(node: Any, old: str) -> Any:
    """Strings that begin with the old folder get the new one."""
    if isinstance(node, dict):
        return {key: _with_folder(value, old) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_folder(value, old) for value in node]
    if isinstance(node, str) and (node == old or node.startswith(f"{old}/")):
        return "${run_dir}" + node[len(old) :]
    return node


def _check_may_change(override: Any, run: Run) -> None:
    key = override.key_or_group
    plain = not (override.is_add() or override.is_delete() or override.is_sweep_override())
    may = key in MAY_CHANGE or (key.startswith(GROUPS_THAT_MAY) and not key.startswith(MAY_NOT))
    if not (plain and may):
        near = nearest(key, MAY_CHANGE)
        hint = f"; did you mean {near}?" if near and near != key else ""
        raise UserError(
            f"{override.input_line}: a run resumes as what it is{hint} "
            f"(resume= takes {', '.join(MAY_CHANGE)} and callbacks.*; the rest needs a run of its own)"
        )


def nothing_left(ended: Mapping[str, Any], cfg: Any) -> str:
    """One line about a run that has trained all it may; `ended`: of its summary (`initlab.runs.ending.Ending`)."""
    trainer, epochs, steps, by = cfg.trainer, ended["epochs"], ended["steps"], ended["by"]
    early = [f"callbacks.{name}" for name, node in cfg.callbacks.items() if node and "Early" in node._target_]
    done, more = {
        "max_steps": (f"{steps} of {trainer.get('max_steps')} steps are done", f"trainer.max_steps={2 * steps}"),
        "max_time": (ended["says"], f"a longer trainer.max_time than {trainer.get('max_time')}"),
        "early_stopping": (ended["says"], f"a larger {early[0]}.patience, or {early[0]}=null," if early else ""),
        "pruned": (ended["says"], ""),
        "callback": (ended["says"], "another setting of callbacks.*, or null for the callback,"),
    }.get(by, (f"{epochs} of {trainer.max_epochs} epochs are done", f"trainer.max_epochs={2 * max(1, epochs)}"))
    return f"nothing left to train: {done}" + (f"; {more} trains further" if more else "")


def _check_unfinished(run: Run, values: dict[str, Any]) -> None:
    if run.finished:
        ended = ended_as(run)
        if not _trains_further(run, values, ended["by"]):
            if ended["by"] == "max_epochs":
                epochs = ended["epochs"]
                more = f"trainer.max_epochs={2 * epochs}" if isinstance(epochs, int) and epochs > 0 else "..."
                print(
                    f"{run.path} is finished, with {epochs} epochs; to train further: {how_to_resume(run.path)} {more}"
                )
            else:
                print(f"{run.path} is finished, {nothing_left(ended, run.config)}")
            raise SystemExit(0)
    schedule = (run.config.get("scheduler") or {}).get("_target_", "").rsplit(".", 1)[-1]
    for key in ("max_epochs", "max_steps"):
        before = run.config.trainer.get(key, WITHOUT[key])
        wanted = values.get(f"trainer.{key}", before)
        if _more(wanted, before) and schedule in ("cosine", "one_cycle"):
            raise UserError(
                f"trainer.{key}={wanted}: scheduler={schedule} brings lr to 0 at the end of "
                f"{'epoch' if key == 'max_epochs' else 'step'} {before}, as planned from step 0; "
                "a longer run needs a start of its own"
            )


def ended_as(run: Run) -> dict[str, Any]:
    """Why it ended, by its summary; as planned, for a run from before that said so."""
    ended = (run.summary or {}).get("ended")
    kinds = {"by": str, "says": str, "epochs": int, "steps": int}
    if isinstance(ended, dict) and all(isinstance(ended.get(key), kind) for key, kind in kinds.items()):
        return ended
    return {"by": "max_epochs", "says": "", "epochs": run.config.trainer.get("max_epochs"), "steps": 0}


def _trains_further(run: Run, values: Mapping[str, Any], by: str) -> bool:
    """Whether the words change what ended the run."""
    if by in ("max_epochs", "max_steps"):
        before = run.config.trainer.get(by, WITHOUT[by])
        return _more(values.get(f"trainer.{by}", before), before)
    if by == "max_time":
        return values.get("trainer.max_time", "") not in ("", run.config.trainer.get("max_time"))
    return any(key.startswith("callbacks.") for key in values)


def _more(wanted: Any, before: Any) -> bool:
    whole = all(isinstance(value, int) for value in (wanted, before))
    return whole and before >= 0 and (wanted < 0 or wanted > before)
