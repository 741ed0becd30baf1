"""The check of a config: what cannot work is said before anything heavy is imported."""

from __future__ import annotations

from typing import Any, cast

from omegaconf import DictConfig, ListConfig

from initlab.checks.memory import check_data
from initlab.checks.rule import did_you_mean
from initlab.checks.rules import check, check_by_hand
from initlab.data.csv.file import check_columns
from initlab.errors import UserError
from initlab.invocation import command
from initlab.resolvers import MOST_VALUES
from initlab.shipped import options_for, values

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
DEEPEST = 40  # of a config, its interpolations followed


def check_config(cfg: DictConfig, choices: dict[str, str] | None = None, name: str = "train") -> None:
    """Raise UserError for the first value that cannot work; `choices`: the options taken, as {"model": "mlp"};
    `name`: of the config, "forecast" has a key of its own."""
    for group in sorted(REQUIRED | OPTIONAL):
        if group not in cfg or (group in REQUIRED and cfg[group] is None):
            without = f"; {group}=none goes without" if group in OPTIONAL else ""
            raise UserError(f"{group}: a run needs one, such as {group}={FIRST_CHOICE[group]}{without}")
    unknown = sorted(set(cfg) - ROOT_KEYS - ({"forecast"} if name == "forecast" else set()))
    if unknown == ["forecast"]:
        raise UserError(f"forecast: a run does not read this key; {' '.join(command('forecast'))} does")
    if unknown:
        hint = did_you_mean(unknown[0], sorted(ROOT_KEYS))
        raise UserError(f"{unknown[0]}: nothing reads this key{hint} ({', '.join(sorted(ROOT_KEYS))})")
    plain = _resolved(cfg)
    _check_groups(plain)
    if "run_dir" in plain:
        check("run_dir", plain["run_dir"])  # first, as the folders of the callbacks and loggers follow it
    for key, value in values(plain):
        check(key, value)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise UserError(f"{key}={value}: must fit into 64 bits, so lie between -9.2e18 and 9.2e18")
    _check_limits(plain["trainer"])
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
    if "max_epochs" not in trainer:
        raise UserError("trainer.max_epochs: a run needs this limit; -1 goes without, where another one ends it")
    steps = trainer.get("max_steps", -1)
    if trainer.get("max_epochs") == -1 and steps == -1 and trainer.get("max_time") is None:
        raise UserError("trainer.max_epochs=-1: a run without this limit needs trainer.max_steps or trainer.max_time")
    for least, most in (("min_epochs", "max_epochs"), ("min_steps", "max_steps")):
        if 0 <= (trainer.get(most) or -1) < (trainer.get(least) or 0):
            raise UserError(f"trainer.{least}={trainer[least]}: must be at most trainer.{most}={trainer[most]}")


def _resolved(cfg: DictConfig) -> dict[str, Any]:
    """Plain values with every interpolation followed, which may stand for more than memory holds. What several point to
    is read once and counted for each."""
    left = MOST_VALUES
    seen: dict[int, tuple[Any, int, int]] = {}  # by the id of a container: its value, how many are in it, how deep
    kept = []  # those containers, or another one gets the same id

    def plain(node: Any, key: str, depth: int) -> tuple[Any, int]:
        """The value, and how many levels of containers it is."""
        nonlocal left
        held = isinstance(node, (DictConfig, ListConfig))
        known = held and id(node) in seen
        value, count, levels = seen[id(node)] if known else (node, 1, 0)
        left -= count
        if left < 0 or depth + levels > DEEPEST:
            raise UserError(f"{key}: the config stands for more than {MOST_VALUES:,} values, or is without end")
        if known or not held:
            return value, levels
        kept.append(node)
        seen[id(node)] = None, MOST_VALUES, 0  # until it is read: one within itself is without end
        before = left
        if isinstance(node, DictConfig):
            parts = {name: plain(node[name], f"{key}.{name!s}".lstrip("."), depth + 1) for name in node}
            value = {name: part for name, (part, _) in parts.items()}
            below = [deep for _, deep in parts.values()]
        else:
            items = [plain(node[i], key, depth + 1) for i in range(len(node))]
            value = [part for part, _ in items]
            below = [deep for _, deep in items]
        levels = 1 + max(below, default=0)
        seen[id(node)] = value, 1 + before - left, levels
        return value, levels

    return cast("dict[str, Any]", plain(cfg, "", 0)[0])


def _check_task(plain: dict[str, Any], choices: dict[str, str]) -> None:
    """A model of classes cannot learn numbers, nor the reverse."""
    given, solved = plain["data"].get("task"), plain["model"].get("task")
    if given == solved:
        return
    for group, task, other in (("model", solved, "data"), ("data", given, "model")):
        if not isinstance(task, str):
            raise UserError(f"{group}.task={_short(task)}: must say what the {group} is for, as {other}.task does")
    data, model = (choices.get(group) or plain[group]["_target_"].rsplit(".", 1)[-1] for group in ("data", "model"))
    raise UserError(
        f"model={model} data={data}: the model is for {solved}, the data for {given}; "
        f"take {options_for('model', given)} with these data, or {options_for('data', solved)} with this model"
    )
