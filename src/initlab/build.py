"""Objects from the groups of a config."""

from __future__ import annotations

import re
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from initlab.errors import UserError

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
