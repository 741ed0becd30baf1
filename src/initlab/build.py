"""Objects from the groups of a config."""

from __future__ import annotations

from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from initlab.blame import refused
from initlab.checks.shipped_class import shipped_class

OF_EITHER_TASK = ("initlab.data.CSVTable",)


def build(cfg: DictConfig, group: str, **more: Any) -> Any:
    """The object that a group of the config describes, or one entry of it (`logger.csv`); None where that is null.

    Its `task`, which only the check of the config reads, is left out, but for data that can be of either.

    Raises:
        UserError: for values that its class or function does not take.
    """
    part = OmegaConf.select(cfg, group)
    node: Any = OmegaConf.to_container(part, resolve=True) if part else None
    if node is None:
        return None
    if group != "data" or shipped_class(node["_target_"]) not in OF_EITHER_TASK:
        node.pop("task", None)
    try:
        return instantiate(node | {"_convert_": "all"}, **more)  # as an argument Hydra merges it, 1 ms each
    except Exception as error:
        wrong = refused(error, group, node["_target_"])
        if wrong is error:
            raise
        raise wrong from error
