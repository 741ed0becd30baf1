"""A run's resolved config with words applied as Hydra would: what followed a value by reference follows it here."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from initlab.shipped import CONFIGS

FOLLOW = {"lr": ("optimizer.lr",), "seed": ("init_seed", "data.seed")}  # `${lr}` and `${seed}` of configs/


def changed(config: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """`init=kaiming` puts a file of configs/ in the place of the group, `lr=0.1` a value in the place of a value and of
    those that were equal to it by reference."""
    new = copy.deepcopy(config)
    for override in OverridesParser.create().parse_overrides(list(words)):
        key, value = override.key_or_group, override.value()
        if isinstance(value, str) and (file := CONFIGS / key / f"{value}.yaml").is_file():
            _choose(new, key, file.read_text("utf-8"))
        else:
            before = _get(new, key)
            for other in FOLLOW.get(key, ()):
                if _get(new, other) is not None:
                    _set(new, other, _shifted(_get(new, other), before, value) if key == "seed" else value)
            _set(new, key, value)
    return new


def _shifted(seed: int, before: int, now: int) -> int:
    """One that was set apart stays apart."""
    return seed + now - before


def _choose(config: dict[str, Any], group: str, text: str) -> None:
    """The package `_global_`, of optimizer and scheduler, writes to the root of the config."""
    node: Any = OmegaConf.create(text)
    at_root = "# @package _global_" in text
    without: dict[Any, Any] = {**config, group: None}
    merged = OmegaConf.merge(without, node if at_root else {group: node})
    plain: Any = OmegaConf.to_container(merged, resolve=True)
    for key in (*node, group) if at_root else (group,):
        config[key] = plain[key]


def _get(config: dict[str, Any], key: str) -> Any:
    node: Any = config
    for name in key.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _set(config: dict[str, Any], key: str, value: Any) -> None:
    *groups, name = key.split(".")
    node = config
    for group in groups:
        node = node[group]
    node[name] = value
