"""What a run is rebuilt from: classes of this package and its libraries, and what the caller allows.

A config names its classes, and Hydra would call any function that it finds under such a name: `pandas.read_pickle`,
`torch.load`, `pathlib.Path.touch`. So a config that was read from a run's folder is checked before anything is built.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.runs.config_file import FILE, GROUPS, MANY, PLACES, leaves

OURS = ("initlab", "lightning")
# What may stand in a group: a class of these packages that derives from this base.
BASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "model": ("lightning.pytorch.LightningModule", OURS),
    "data": ("lightning.pytorch.LightningDataModule", OURS),
    "init": ("initlab.init.Scheme", ("initlab",)),
    "optimizer": ("torch.optim.Optimizer", ("initlab.nn", "torch.optim")),
    "scheduler": ("torch.optim.lr_scheduler.LRScheduler", ("torch.optim.lr_scheduler",)),
    "trainer": ("lightning.pytorch.Trainer", ("lightning",)),
    "callbacks": ("lightning.pytorch.Callback", OURS),
    "logger": ("lightning.pytorch.loggers.logger.Logger", ("initlab",)),
}
# And inside of those, as an argument.
ARGUMENTS = (
    BASES["init"],
    BASES["optimizer"],
    BASES["scheduler"],
    ("lightning.pytorch.strategies.Strategy", ("lightning",)),
    ("lightning.pytorch.profilers.Profiler", ("lightning",)),
    ("builtins.object", ("torchvision.transforms",)),
)
# Functions, and loggers that write to a folder only.
NAMES = {
    "scheduler": {f"initlab.nn.schedule.{name}" for name in ("cosine", "one_cycle", "step")},
    "logger": {f"lightning.pytorch.loggers.{name}" for name in ("TensorBoardLogger", "CSVLogger")},
}
# Loggers that send a run's numbers, code and command away: taken with the arguments that configs/logger/ has, as
# others, such as a key of somebody's account, choose where to; more with `allow=wandb`.
SENDERS = {
    f"lightning.pytorch.loggers.{name}": package
    for name, package in {"WandbLogger": "wandb", "MLFlowLogger": "mlflow", "CometLogger": "comet_ml"}.items()
}
DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+"
WRITERS = ("model", "init", "optimizer", "scheduler", "trainer", "callbacks", "logger")


def allowed_names(text: str) -> tuple[str, ...]:
    """`allow=my_package`, `allow=[my_package,/data/logs]`: packages, and folders that may be written to."""
    names = tuple(name.strip(" '\"") for name in text.strip("[]").split(","))
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*|[/~.].*", name):
            raise UserError(f"allow={text}: must be a package, such as allow=my_package, or a folder")
        if re.match(r"\w", name) and not _can_be_allowed(name):
            raise UserError(f"allow={text}: must be a package of yours; of {name} a run gets what it needs without")
    return names


def _can_be_allowed(name: str) -> bool:
    """Not what holds functions such as os.system; initlab, Lightning and torch are allowed in their places only."""
    package = name.partition(".")[0]
    return package not in sys.stdlib_module_names and package not in (*OURS, "torch", "torchvision", "numpy", "pandas")


def check_allowed(config: Mapping[str, Any], allow: Sequence[str], folder: Path) -> None:
    """Raise UserError for the first class that is not allowed in the config of the run in `folder`, and for the first
    place outside of it that a callback or logger would write to."""
    for sentence, name in _refused(config, allow, folder):
        raise UserError(f"{folder / FILE}: {sentence}" + (f"; if you trust it: allow={name}" if name else ""))


def to_allow(config: Mapping[str, Any], folder: Path) -> list[str]:
    """The names by which all in this config would be allowed."""
    return sorted({name for _, name in _refused(config, (), folder)} - {""})


def _refused(config: Mapping[str, Any], allow: Sequence[str], folder: Path) -> Iterator[tuple[str, str]]:
    """Why, and by which name it would be allowed, if by any."""
    places = [folder, *(Path(name).expanduser() for name in allow if re.match("[/~.]", name))]
    for path, value in leaves(dict(config)):
        key = ".".join(path)
        if path and path[0] == "logger" and len(path) == 2 and isinstance(value, dict):
            yield from _sends(key, value, allow)
        if path and path[-1] == "_target_" and not _is_allowed(path[:-1], value, allow):
            named = isinstance(value, str) and re.fullmatch(DOTTED, value)
            yield (
                f"{key}={value}: a run is rebuilt from classes of initlab, Lightning, torchvision and torch's "
                "optimisers only, each in its place",
                value.partition(".")[0] if named and _can_be_allowed(value) else "",
            )
        if path and path[-1] == "_args_":
            yield f"{key}: a run writes arguments by their names", ""
        writes = path and path[0] in WRITERS and isinstance(value, str) and not _is_trusted(config, path, allow)
        if writes and _leaves_folder(path[-1], value, places):
            yield f"{key}={value}: a run writes to its own folder only", value


def _sends(key: str, node: dict[str, Any], allow: Sequence[str]) -> Iterator[tuple[str, str]]:
    package = SENDERS.get(str(node.get("_target_")))
    if package is None or package in allow:
        return
    known = _keys_of_senders()[str(node["_target_"])]
    more = sorted({".".join(path) for path, value in leaves(node) if path and not isinstance(value, dict)} - known)
    if more:
        yield f"{key}.{more[0]}: a run is rebuilt from this logger with {', '.join(sorted(known))} only", package


def _is_trusted(config: Mapping[str, Any], path: tuple[str, ...], allow: Sequence[str]) -> bool:
    """Whether a value is of a sender that the caller allows."""
    node = (config.get("logger") or {}).get(path[1]) if path[0] == "logger" and len(path) > 1 else None
    return isinstance(node, dict) and SENDERS.get(str(node.get("_target_"))) in allow


@cache
def _keys_of_senders() -> dict[str, set[str]]:
    """By class, the keys in configs/logger/."""
    import yaml

    from initlab.shipped import CONFIGS

    found: dict[str, set[str]] = {}
    for file in (CONFIGS / "logger").glob("*.yaml"):
        for node in yaml.safe_load(file.read_text("utf-8")).values():
            if isinstance(node, dict) and node.get("_target_") in SENDERS:
                found[node["_target_"]] = {
                    ".".join(path) for path, value in leaves(node) if not isinstance(value, dict)
                }
    return found


def _is_allowed(path: tuple[str, ...], target: Any, allow: Sequence[str]) -> bool:
    if not isinstance(target, str) or not re.fullmatch(DOTTED, target):
        return False
    if _can_be_allowed(target) and any(target == name or target.startswith(f"{name}.") for name in allow):
        return True
    group = path[0] if path and path[0] in GROUPS and len(path) == 1 + (path[0] in MANY) else ""
    if target in _of_the_configs().get(group, ()) or target in NAMES.get(group, ()):
        return True
    bases = (BASES[group],) if group else ARGUMENTS
    return any(_derives(target, base, packages) for base, packages in bases)


@cache
def _of_the_configs() -> dict[str, set[str]]:
    """By group, the classes that the files in configs/ name: the user's own ones there are the user's choice."""
    from initlab.shipped import CONFIGS

    named: dict[str, set[str]] = {}
    for file in CONFIGS.glob("*/*.yaml"):
        found = re.findall(r"^ *_target_: *([\w.]+)", file.read_text("utf-8"), re.MULTILINE)
        named.setdefault(file.parent.name, set()).update(found)
    return named


def class_named(target: str) -> type[Any]:
    """The class of that dotted name, of a module or of a class in one.

    Raises:
        ImportError: there is none.
    """
    module, _, name = target.rpartition(".")
    try:
        owner: Any = import_module(module)
    except ModuleNotFoundError as error:
        if "." not in module or not f"{module}.".startswith(f"{error.name}."):  # one that it needs is not installed
            raise
        owner = class_named(module)
    found = getattr(owner, name, None)
    if not isinstance(found, type):
        raise ImportError(f"there is no class {target}")
    return found


def _derives(target: str, base: str, packages: Sequence[str]) -> bool:
    """Nothing is imported but from `packages`."""
    if not _is_of(target, packages):
        return False
    try:
        found = class_named(target)
    except ImportError:
        return False
    return issubclass(found, class_named(base)) and _is_of(f"{found.__module__}.", packages)


def _is_of(name: str, packages: Sequence[str]) -> bool:
    return any(name.startswith(f"{package}.") for package in packages)


def _leaves_folder(key: str, value: str, places: Sequence[Path]) -> bool:
    """Whether a value names a place that is in none of these folders; the name of a metric, val/loss, names none."""
    parts = value.split("/")
    named = value.startswith(("/", "~", "\\")) or ".." in parts or "://" in value
    if not value or not (named or key in PLACES):
        return False
    return (
        ".." in parts or "://" in value or not any(Path(value).expanduser().is_relative_to(place) for place in places)
    )
