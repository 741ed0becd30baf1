"""Which class of this project the class that a config names is."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from initlab.checks.rule import nearest
from initlab.errors import UserError
from initlab.limits import kind_of

PASS = ("forward", "predict")  # of a model; one that computes something else is another network


def shipped_class(target: str) -> str:
    """The public name, such as `initlab.models.MLP`, of the class of this project that `target` is or derives from;
    `target` itself where there is none, or where the model has a forward pass of its own.

    A name of this project is not imported, so that what is known of it costs no time.
    """
    if target.partition(".")[0] in ("initlab", "lightning", "torch"):
        return target
    try:
        own = imported(target)
    except ImportError:  # what builds it says so
        return target
    for base in getattr(own, "__mro__", ()):
        if base.__module__.startswith("initlab."):
            changed = any(getattr(own, name, None) is not getattr(base, name, None) for name in PASS)
            return target if changed else ".".join([*base.__module__.split(".")[:2], base.__qualname__])
    return target


def with_defaults(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the config, together with the arguments that it leaves to its class, or to the shipped one from which
    that derives."""
    parameters = inspect.signature(imported(shipped_class(part["_target_"]))).parameters
    return {name: p.default for name, p in parameters.items() if p.default is not p.empty} | part


def learning_rate(optimizer: Mapping[str, Any]) -> float | None:
    """That a run's optimiser begins with: `lr` of the config is only what `optimizer.lr` follows where that is not set.
    None: its class has no such argument."""
    rate: float | None = with_defaults(dict(optimizer)).get("lr")
    return rate


def optimizer_kind(target: str) -> str:
    """ "sgd" or "adam", of the class of optimisers with this name, see `initlab.limits.kind_of`."""
    try:
        made = imported(target)
    except ImportError:  # what builds it says so
        return "sgd"
    return kind_of(made) if isinstance(made, type) else "sgd"


def imported(target: str) -> Any:
    """The class or function with this name. Hydra's own page about one that cannot be imported is left out: the caller
    says it in a sentence."""
    from hydra.utils import get_object

    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        return get_object(target)
    finally:
        logging.disable(before)


def imported_for(key: str, target: str) -> Any:
    """`imported`, of a part of the config.

    Raises:
        UserError: it cannot be.
    """
    try:
        return imported(target)
    except Exception as error:
        raise UserError(f"{key}._target_={target}: cannot be imported: {_why_not(target, error)}") from error


def _why_not(target: str, error: Exception) -> str:
    """`my has no Nett; did you mean my.Net?`, where a part of the name is there; else what Python says."""
    parts = target.split(".")
    for i in range(len(parts) - 1, 0, -1):
        owner, name = ".".join(parts[:i]), parts[i]
        with suppress(Exception):
            there = imported(owner)
            if hasattr(there, name):  # its own import failed
                break
            near = nearest(name, [word for word in dir(there) if not word.startswith("_")])
            return f"{owner} has no {name}" + (
                f"; did you mean {'.'.join([owner, near, *parts[i + 1 :]])}?" if near else ""
            )
    return " ".join(str(error.__cause__ or error).split())
