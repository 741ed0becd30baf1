"""The configuration: found, composed, checked. Nothing heavy is imported here, so a wrong word is answered at once."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from initlab.data.csv.file import check_columns
from initlab.errors import UserError
from initlab.pages.claim import read_claims
from initlab.pages.picture import read_picture
from initlab.rules import check, check_by_hand, did_you_mean

FIRST_CHOICE = {
    "data": "fashion_mnist", "model": "mlp", "init": "kaiming", "optimizer": "sgd", "trainer": "auto",
    "scheduler": "cosine", "callbacks": "default", "logger": "default",
}  # fmt: skip
OPTIONAL = {"scheduler", "callbacks", "logger"}
REQUIRED = FIRST_CHOICE.keys() - OPTIONAL
ROOT_KEYS = FIRST_CHOICE.keys() | {
    "seed", "init_seed", "lr", "threads", "steps_per_execution", "cuda_graph", "matmul_precision", "monitor", "mode",
    "run_dir", "resume", "expect", "picture",
}  # fmt: skip
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
OmegaConf.register_new_resolver("shipped", lambda path: str(CONFIGS.parent / path), replace=True)


def run_name(override_dirname: str) -> str:
    """`_init-xavier_lr-0.1` from Hydra's `init=xavier,lr=0.1`: a folder name that any shell and Hydra itself take
    unquoted, at most 120 characters long; nothing for no override."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", override_dirname.replace(",", "_")).strip("-")
    return f"_{name}"[:120].rstrip("-.") if name else ""


def mode_of(metric: str) -> str:
    """Whether more or less of a metric is better."""
    return "max" if metric.endswith("acc") else "min"


OmegaConf.register_new_resolver("run_name", run_name, replace=True)


def new_folder(path: str) -> str:
    """`path`, or with _2, _3, ... after it, whichever this process is the first to make; an empty one goes at its end.

    Of commands given in the same second each gets a folder of its own.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = path if number == 1 else f"{path}_{number}"
        try:
            os.mkdir(folder)
        except FileExistsError:
            continue
        atexit.register(_remove_empty, os.path.abspath(folder), os.getpid())
        return folder
    raise AssertionError


def _remove_empty(folder: str, process: int) -> None:
    if os.getpid() == process:  # not in a fork
        with contextlib.suppress(OSError):
            for path in (Path(folder), *Path(folder).parents[:2]):  # outputs/runs/<name>
                path.rmdir()


OmegaConf.register_new_resolver("new_folder", new_folder, replace=True, use_cache=True)


def repeat(value: Any, times: int) -> list[Any]:
    """A list too long to write down: the 200 weights of d2l 3.7 are `${repeat:0.01,200}`."""
    return [value] * times


OmegaConf.register_new_resolver("mode_of", mode_of, replace=True)
OmegaConf.register_new_resolver("repeat", repeat, replace=True)


def compose(*overrides: str, run_dir: str | Path | None = None) -> DictConfig:
    """The config that `python scripts/train.py` with these overrides would make, for a notebook: `train(compose(...))`.

    `run_dir` is the folder to write to. With `resume=latest` or a folder among the overrides it is the run's own
    config, and the folder is the run's.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    from initlab.runs.resume import resumed

    name, words = resumed(overrides, "train")
    if name == "train" and run_dir is None:
        raise UserError("run_dir=None: name the folder that the run writes to")
    words = [word for word in words if not word.startswith("hydra.")]
    folder = "${resume}" if name != "train" else f"'{run_dir}'"
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = hydra_compose(name, overrides=[*words, f"run_dir={folder}"])
    check_config(cfg)
    return cfg


def check_config(cfg: DictConfig, choices: dict[str, str] | None = None, name: str = "train") -> None:
    """Raise UserError for the first value that cannot work; `choices`: the options taken, as {"model": "mlp"};
    `name`: of the config, "forecast" has a key of its own."""
    for group in sorted(REQUIRED | OPTIONAL):
        if group not in cfg or (group in REQUIRED and cfg[group] is None):
            without = f"; {group}=none goes without" if group in OPTIONAL else ""
            raise UserError(f"{group}: a run needs one, such as {group}={FIRST_CHOICE[group]}{without}")
    unknown = sorted(set(cfg) - ROOT_KEYS - ({"forecast"} if name == "forecast" else set()))
    if unknown == ["forecast"]:
        raise UserError("forecast: a run does not read this key; python scripts/forecast.py does")
    if unknown:
        hint = did_you_mean(unknown[0], sorted(ROOT_KEYS))
        raise UserError(f"{unknown[0]}: nothing reads this key{hint} ({', '.join(sorted(ROOT_KEYS))})")
    plain = _plain(cfg, resolve=True, throw_on_missing=True)
    for key, value in _leaves(plain):
        check(key, value)
    _check_limits(plain["trainer"])
    if "expect" in plain:
        read_claims(plain["expect"])
    if "picture" in plain:
        read_picture(plain["picture"])
    _check_task(plain, choices or {})
    if plain["model"].get("backward") == "manual":
        trainer = plain["trainer"]
        check_by_hand(trainer.get("devices", 1), trainer.get("precision", "32-true"), plain["model"].get("layers"))
    devices, batch_size = plain["trainer"].get("devices", 1), plain["data"].get("batch_size", 0)
    if batch_size % devices:
        raise UserError(f"trainer.devices={devices}: it must divide data.batch_size={batch_size}")
    data = plain["data"]
    if data.get("_target_") == "initlab.data.CSVTable":
        check_columns(data.get("path"), data.get("target"), data.get("drop", ()), data.get("text", ()))


def _check_limits(trainer: dict[str, Any]) -> None:
    """A run ends at some time, and not before it may."""
    check("trainer.max_time", trainer.get("max_time"))  # a mapping is no leaf
    steps = trainer.get("max_steps", -1)
    if trainer.get("max_epochs") == -1 and steps == -1 and trainer.get("max_time") is None:
        raise UserError("trainer.max_epochs=-1: a run without this limit needs trainer.max_steps or trainer.max_time")
    for least, most in (("min_epochs", "max_epochs"), ("min_steps", "max_steps")):
        if 0 <= (trainer.get(most) or -1) < (trainer.get(least) or 0):
            raise UserError(f"trainer.{least}={trainer[least]}: must be at most trainer.{most}={trainer[most]}")


def _plain(cfg: Any, **how: Any) -> dict[str, Any]:
    """A mapping of plain Python values."""
    return cast("dict[str, Any]", OmegaConf.to_container(cfg, **how))


def _leaves(node: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _check_task(plain: dict[str, Any], choices: dict[str, str]) -> None:
    """A model of classes cannot learn numbers, nor the reverse."""
    given, solved = plain["data"].get("task"), plain["model"].get("task")
    if given == solved:
        return
    data, model = (choices.get(group) or plain[group]["_target_"].rsplit(".", 1)[-1] for group in ("data", "model"))
    raise UserError(
        f"model={model} data={data}: the model is for {solved}, the data for {given}; "
        f"take {_options('model', given)} with these data, or {_options('data', solved)} with this model"
    )


def _options(group: str, task: str) -> str:
    """`model=softmax or model=mlp`: the shipped options of a group for a task."""
    fitting = []
    for path in sorted((CONFIGS / group).glob("*.yaml")):
        if f"\ntask: {task}" in path.read_text():
            fitting.append(f"{group}={path.stem}")
    return " or ".join(fitting)


def known_keys() -> list[str]:
    """Every key of every shipped option, dotted as on the command line, for suggestions."""
    keys: set[str] = set()
    for path in CONFIGS.rglob("*.yaml"):
        text = path.read_text()
        group = path.relative_to(CONFIGS).parent.as_posix().replace("/", ".")
        prefix = "" if group == "." or "@package _global_" in text else f"{group}."
        found = (f"{prefix}{key}" for key, _ in _leaves(_plain(OmegaConf.create(text))))
        keys.update(key for key in found if prefix or key.split(".")[0] not in ("hydra", "expect", "picture"))
    return sorted(key for key in keys if not key.endswith("_") and ".defaults" not in f".{key}")
