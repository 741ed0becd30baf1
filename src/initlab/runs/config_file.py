"""config.yaml of a run, as plain values: it may have been altered, or come from anywhere."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.runs.reading import check_yaml, read_text
from initlab.runs.renamed import of_today

FILE = "config.yaml"
REQUIRED = ("data", "model", "init", "optimizer", "trainer")
MANY = ("callbacks", "logger")  # by name
GROUPS = (*REQUIRED, "scheduler", *MANY)
# Arguments that name a place to write to, also where it is not to be seen from the value.
PLACES = {
    "run_dir", "dirpath", "save_dir", "folder", "dir", "root_dir", "default_root_dir", "log_dir", "output_dir",
    "weights_save_path", "offline_directory",
}  # fmt: skip


def read_config(folder: Path) -> dict[str, Any]:
    """The config of the run in `folder`; the paths in it follow the folder, which may have been moved.

    Raises:
        UserError: there is none, or it is not as a run writes it: resolved, a mapping for every group.
    """
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    file = folder / FILE
    try:
        text = read_text(file)
    except FileNotFoundError:
        raise UserError(f"{folder}: no run is in this folder, it has no {FILE}") from None
    check_yaml(text, file)
    try:
        config = OmegaConf.load(io.StringIO(text))
        plain: Any = OmegaConf.to_container(config)
    except (YAMLError, OmegaConfBaseException, ValueError, RecursionError) as error:
        raise UserError(f"{file}: not a config: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(config, DictConfig) or not plain:
        raise UserError(f"{file}: not a config, but empty or a list")
    plain = of_today(plain)
    _check(plain, file)
    for name in ("monitor", "activation_stats"):  # a run from before there was the key
        if (plain.get("callbacks") or {}).get(name):
            plain["callbacks"][name].setdefault("folder", str(folder))
    old = str(plain.get("run_dir") or folder)
    return {**_moved(plain, old, str(folder)), "run_dir": str(folder)}


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its keys, those of mappings and lists included."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from leaves(value, (*path, str(number)))


def short_class(node: Any) -> str:
    """`kaiming` for `{_target_: initlab.init.Kaiming}`, `mlp_regression` for MLPRegression; empty for none."""
    target = node.get("_target_", "") if isinstance(node, dict) else ""
    name = str(target).rsplit(".", 1)[-1]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _check(plain: dict[Any, Any], file: Path) -> None:
    for key in plain:
        if not isinstance(key, str) or key in ("hydra", "defaults"):
            raise UserError(f"{file}: the config of a run has no key {key}")
    for path, value in leaves(plain):
        name = ".".join(path)
        if any("${" in text for text in (name, value) if isinstance(text, str)):
            raise UserError(f"{file}: {name}={value}: a run writes values, not ${{...}}, which could read secrets")
        if value == "???":
            raise UserError(f"{file}: {name} has no value")
    for group in REQUIRED:
        if not plain.get(group):
            raise UserError(f"{file}: it has no {group}")
    for group in GROUPS:
        node = plain.get(group)
        nodes = {group: node}
        if group in MANY and isinstance(node, dict):
            nodes = {f"{group}.{name}": one for name, one in node.items()}
        for name, one in nodes.items():
            wanted = one is None or isinstance(one, dict)
            if not wanted or (isinstance(one, dict) and one and "_target_" not in one and name not in MANY):
                raise UserError(f"{file}: {name}: must be null or values with a _target_, the class that takes them")


def _moved(node: Any, old: str, new: str, key: str = "") -> Any:
    """Strings that begin with the old folder get the new one; of a relative folder, which may be any word, only the
    arguments that name a place."""
    if isinstance(node, dict):
        return {name: _moved(value, old, new, str(name)) for name, value in node.items()}
    if isinstance(node, list):
        return [_moved(value, old, new, key) for value in node]
    if isinstance(node, Path):
        node = str(node)
    place = key in PLACES or Path(old).is_absolute()
    if place and isinstance(node, str) and (node == old or node.startswith(f"{old}/")):
        return new + node[len(old) :]
    return node
