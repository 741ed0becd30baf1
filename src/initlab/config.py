"""The configuration: found, composed, checked. Nothing heavy is imported here, so a wrong word is answered at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, ListConfig, OmegaConf

from initlab.data.csv.file import check_columns
from initlab.errors import UserError
from initlab.footprint import new_folder
from initlab.memory import check_data
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
    "seed", "init_seed", "lr", "threads", "steps_per_execution", "matmul_precision", "monitor", "mode",
    "run_dir", "resume", "expect", "picture",
}  # fmt: skip
MOST_VALUES, DEEPEST = 200_000, 40  # of a config, its interpolations followed
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


OmegaConf.register_new_resolver("new_folder", new_folder, replace=True, use_cache=True)


def repeat(value: Any, times: int) -> list[Any]:
    """A list too long to write down: the 200 weights of d2l 3.7 are `${repeat:0.01,200}`."""
    if not isinstance(times, int) or isinstance(times, bool) or not 0 <= times * max(1, _count(value)) <= MOST_VALUES:
        raise UserError(f"${{repeat:...,{times}}}: must be a whole number from 0 to {MOST_VALUES:,} values in all")
    return [value] * times


def _count(value: Any) -> int:
    """The values in a list of lists."""
    return sum(map(_count, value)) if isinstance(value, (list, ListConfig)) else 1


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
    plain = _resolved(cfg)
    _check_groups(plain)
    for key, value in _values(plain):
        check(key, value)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise UserError(f"{key}={value}: must fit into 64 bits, so lie between -9.2e18 and 9.2e18")
    _check_limits(plain["trainer"])
    if "expect" in plain:
        read_claims(plain["expect"])
    if "picture" in plain:
        read_picture(plain["picture"])
    check_data(plain)
    _check_task(plain, choices or {})
    if plain["model"].get("backward") == "manual":
        trainer = plain["trainer"]
        check_by_hand(trainer.get("devices", 1), trainer.get("precision", "32-true"), plain["model"].get("layers"))
    devices, batch_size = plain["trainer"].get("devices", 1), plain["data"].get("batch_size", 0)
    if isinstance(batch_size, int) and batch_size % devices:
        raise UserError(f"trainer.devices={devices}: it must divide data.batch_size={batch_size}")
    data = plain["data"]
    if data.get("_target_") == "initlab.data.CSVTable":
        check_columns(data.get("path"), data.get("target"), data.get("drop", ()), data.get("text", ()))


def _check_groups(plain: dict[str, Any]) -> None:
    """A group is a mapping that says what to make, or of several such."""
    for group in sorted(REQUIRED | OPTIONAL):
        node, several = plain[group], group in ("callbacks", "logger")
        if node is None and group in OPTIONAL and not several:
            continue
        if not isinstance(node, dict):
            raise UserError(
                f"{group}={_short(node)}: must be one of its options, such as {group}={FIRST_CHOICE[group]}"
            )
        for name, one in node.items() if several else [("", node)]:
            key = f"{group}.{name}" if several else group
            if one is not None and not (isinstance(one, dict) and isinstance(one.get("_target_"), str)):
                raise UserError(f"{key}={_short(one)}: must be a mapping whose _target_ is the path of a class")
    model = plain["model"]
    shape = {key: model[key] for key, usual in (("depth", 1), ("width", 256)) if model.get(key, usual) != usual}
    if model.get("num_hiddens") is not None and shape:
        twice = " ".join(f"model.{key}={value}" for key, value in shape.items())
        raise UserError(f"model.num_hiddens={model['num_hiddens']} {twice}: both say how large the layers are; set one")


def _short(value: Any) -> str:
    text = str(value)
    return "null" if value is None else text if len(text) < 80 else f"{text[:80]}..."


def _check_limits(trainer: dict[str, Any]) -> None:
    """A run ends at some time, and not before it may."""
    check("trainer.max_time", trainer.get("max_time"))  # a mapping is no leaf
    steps = trainer.get("max_steps", -1)
    if trainer.get("max_epochs") == -1 and steps == -1 and trainer.get("max_time") is None:
        raise UserError("trainer.max_epochs=-1: a run without this limit needs trainer.max_steps or trainer.max_time")
    for least, most in (("min_epochs", "max_epochs"), ("min_steps", "max_steps")):
        if 0 <= (trainer.get(most) or -1) < (trainer.get(least) or 0):
            raise UserError(f"trainer.{least}={trainer[least]}: must be at most trainer.{most}={trainer[most]}")


def _resolved(cfg: DictConfig) -> dict[str, Any]:
    """Plain values with every interpolation followed, which may stand for more than memory holds."""
    left = MOST_VALUES

    def plain(node: Any, key: str, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise UserError(f"{key}: the config stands for more than {MOST_VALUES:,} values, or is without end")
        if isinstance(node, DictConfig):
            return {name: plain(node[name], f"{key}.{name!s}".lstrip("."), depth + 1) for name in node}
        if isinstance(node, ListConfig):
            return [plain(node[i], key, depth + 1) for i in range(len(node))]
        return node

    return cast("dict[str, Any]", plain(cfg, "", 0))


def _values(node: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below, mappings too."""
    for name, value in node.items():
        yield f"{prefix}{name}", value
        if isinstance(value, dict):
            yield from _values(value, f"{prefix}{name}.")


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
        plain: Any = OmegaConf.to_container(OmegaConf.create(text))
        found = (f"{prefix}{key}" for key, value in _values(plain) if not isinstance(value, dict))
        keys.update(key for key in found if prefix or key.split(".")[0] not in ("hydra", "expect", "picture"))
    return sorted(key for key in keys if not key.endswith("_") and ".defaults" not in f".{key}")
