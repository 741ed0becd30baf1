"""Objects from the groups of a config."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from initlab.errors import UserError
from initlab.rules import did_you_mean

OF_EITHER_TASK = ("initlab.data.CSVTable",)


def build(cfg: DictConfig, group: str, **more: Any) -> Any:
    """The object that a group of the config describes, None where the group is null.

    Its `task`, which only the check of the config reads, is left out, but for data that can be of either.
    """
    node = OmegaConf.to_container(cfg[group], resolve=True) if cfg[group] else None
    if node is None:
        return None
    assert isinstance(node, dict)
    if node.get("_target_") not in OF_EITHER_TASK:
        node.pop("task", None)
    try:
        return instantiate(node, _convert_="all", **more)
    except InstantiationException as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error.__cause__))
        if unknown:
            raise UserError(f"{group}.{unknown[1]}: {node['_target_']} takes no such value") from None
        raise


def check_arguments(cfg: DictConfig) -> None:
    """Raise UserError for the first key that the class or function its group names has no argument for."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    for key, node in _nodes(plain):
        known = _arguments(node["_target_"])
        if known is None:
            continue
        ours = {"task"} if key in ("data", "model") else set()
        for name in node.keys() - known - ours:
            if not str(name).startswith("_"):
                hint = did_you_mean(str(name), sorted(known))
                raise UserError(f"{key}.{name}: {node['_target_']} takes no such value{hint}")


def _nodes(plain: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    groups = {key: plain.get(key) for key in ("data", "model", "init", "optimizer", "scheduler", "trainer")}
    for many in ("callbacks", "logger"):
        groups |= {f"{many}.{name}": node for name, node in (plain.get(many) or {}).items()}
    for key, node in groups.items():
        if isinstance(node, dict) and "_target_" in node:
            yield key, node


def _arguments(target: str) -> set[str] | None:
    """The names that it takes: a class of ours that hands `**more` to its bases takes theirs too. None: any, or not
    known, as of a class of the user's with `**more`."""
    try:
        made = get_object(target)
        signatures = [inspect.signature(made)]
        if isinstance(made, type) and made.__module__.startswith("initlab."):
            own = [base.__dict__["__init__"] for base in made.__mro__[:-1] if "__init__" in base.__dict__]
            signatures = [inspect.signature(init) for init in own] or signatures
    except Exception:  # not importable, or not to be looked into: `instantiate` says what is wrong
        return None
    known: set[str] = set()
    for signature in signatures:
        kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
        known |= {name for name, kind in kinds.items() if kind in (kind.POSITIONAL_OR_KEYWORD, kind.KEYWORD_ONLY)}
        if inspect.Parameter.VAR_KEYWORD not in kinds.values():
            return known
    return None
