"""Objects from the groups of a config."""

from __future__ import annotations

import inspect
import re
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from initlab.errors import UserError


def build(cfg: DictConfig, group: str, **more: Any) -> Any:
    """The object that a group of the config describes, None where the group is null.

    Its `task` is for the check of the config and is left out, unless the object takes it.
    """
    node = OmegaConf.to_container(cfg[group], resolve=True) if cfg[group] else None
    if node is None:
        return None
    assert isinstance(node, dict)
    try:
        if "task" in node and "task" not in inspect.signature(get_object(node["_target_"])).parameters:
            del node["task"]
        return instantiate(node, _convert_="all", **more)
    except InstantiationException as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error.__cause__))
        if unknown:
            raise UserError(f"{group}.{unknown[1]}: {node['_target_']} takes no such value") from None
        raise
