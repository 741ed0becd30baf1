"""The configs that the project ships: where they are, and the keys and options in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from initlab.resolvers import PROJECT

CONFIGS = PROJECT / "configs"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # reads all of CONFIGS in 20 ms, OmegaConf in 300


def known_keys() -> list[str]:
    """Every key of every shipped option, dotted as on the command line, for suggestions."""
    keys: set[str] = set()
    for path in CONFIGS.rglob("*.yaml"):
        text = path.read_text()
        group = path.relative_to(CONFIGS).parent.as_posix().replace("/", ".")
        prefix = "" if group == "." or "@package _global_" in text else f"{group}."
        plain = yaml.load(text, Loader=LOADER) or {}
        found = (f"{prefix}{key}" for key, value in values(plain) if not isinstance(value, dict))
        keys.update(key for key in found if prefix or key.split(".")[0] not in ("hydra", "expect", "picture"))
    return sorted(key for key in keys if not key.endswith("_") and ".defaults" not in f".{key}")


def options_for(group: str, task: str) -> str:
    """`model=softmax or model=mlp`: the shipped options of a group for a task."""
    fitting = []
    for path in sorted((CONFIGS / group).glob("*.yaml")):
        if f"\ntask: {task}" in path.read_text():
            fitting.append(f"{group}={path.stem}")
    return " or ".join(fitting)


def values(node: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below, mappings too."""
    for name, value in node.items():
        yield f"{prefix}{name}", value
        if isinstance(value, dict):
            yield from values(value, f"{prefix}{name}.")
