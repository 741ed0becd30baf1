"""A scheme by its name on the command line."""

from __future__ import annotations

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from initlab.checks.rules import did_you_mean
from initlab.errors import UserError
from initlab.shipped import CONFIGS


def named_scheme(name: str, activation: str | None = None) -> Any:
    """With the values that its file in configs/init has; `activation`: of the model, for a scheme that needs one."""
    names = sorted(path.stem for path in (CONFIGS / "init").glob("*.yaml"))
    if name not in names:
        raise UserError(f"init={name}: no such init{did_you_mean(name, names)} ({', '.join(names)})")
    node = _read(name)
    if "activation" in node:
        if activation is None:
            raise UserError(f'init={name}: for which activation? Give initlab.init.Critical(activation="relu")')
        node["activation"] = activation
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:  # init=given needs numbers
        raise error.__cause__ if isinstance(error.__cause__, UserError) else error from None


def _read(name: str) -> dict[str, Any]:
    """With those that it names in its `defaults` under its own."""
    own: Any = OmegaConf.to_container(OmegaConf.load(CONFIGS / "init" / f"{name}.yaml"))
    below = [_read(one) for one in own.pop("defaults", []) if one != "_self_"]
    return {key: value for part in [*below, own] for key, value in part.items()}
