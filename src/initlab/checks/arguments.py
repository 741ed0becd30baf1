"""What a config gives to the class or function that a group names, checked before anything is made: that the name can
be imported and fits the group, that it has an argument for each key, that none is missing, that the values fit the
annotations."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hydra.utils import get_object
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from omegaconf import DictConfig, OmegaConf

from initlab.checks.annotations import fits, words_of
from initlab.checks.rule import did_you_mean
from initlab.checks.rules import RULES
from initlab.checks.shipped_class import imported_for
from initlab.errors import UserError

CONVERT = ("none", "partial", "object", "all")


@dataclass(frozen=True)
class Group:
    """kind:  of the objects, as the path of a class; None: what a function gives, such as a scheduler.
    given:   arguments that the run gives; a config cannot.
    partial: whether the rest of the arguments follows later.
    needed:  whether it must have an argument for each that is given."""

    kind: str | None
    given: tuple[str, ...] = ()
    partial: bool = False
    needed: bool = False

    @property
    def by_name(self) -> tuple[str, ...]:
        return self.given if self.needed else ()


GROUPS = {
    "data": Group("lightning.LightningDataModule"),
    "model": Group("lightning.LightningModule", ("num_inputs", "num_outputs", "optimizer", "scheduler"), needed=True),
    "init": Group("initlab.init.Scheme"),
    "optimizer": Group("torch.optim.Optimizer", ("params",), partial=True),
    "scheduler": Group(None, ("optimizer", "num_steps", "steps_per_epoch"), partial=True, needed=True),
    "trainer": Group(
        "lightning.Trainer",
        ("callbacks", "logger", "enable_checkpointing", "enable_progress_bar", "default_root_dir", "plugins"),
    ),
    "callbacks": Group("lightning.Callback"),
    "logger": Group("lightning.pytorch.loggers.Logger"),
}
OURS = ("task",)  # of data and model: read by the check of the config alone


@dataclass(frozen=True)
class Signature:
    """Of a class or function. `hints`: of the arguments whose annotation can be read. `open`: it takes any name."""

    parameters: dict[str, inspect.Parameter]
    hints: dict[str, Any]
    open: bool


def check_arguments(cfg: DictConfig) -> None:
    """Raise UserError for the first key that cannot be given to what its group names."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    for key, group, node in _nodes(plain):
        made = _target(key, node["_target_"], group)
        if isinstance(made, type) and issubclass(made, (BatchSizeFinder, LearningRateFinder)):
            raise UserError(
                f"{key}._target_={node['_target_']}: it would train with another lr or batch size than the run's "
                "config says; set lr= and data.batch_size= instead"
            )
        _check_special(key, node, group)
        known = signature_of(made)
        if known is not None:
            _check_names(key, node, group, known)
            for name, value in node.items():
                if name in known.hints and f"{key}.{name}" not in RULES:
                    _check_value(f"{key}.{name}", value, known, name)


def _nodes(plain: dict[str, Any]) -> Iterator[tuple[str, Group, dict[str, Any]]]:
    for name, group in GROUPS.items():
        node = plain.get(name)
        several = {f"{name}.{key}": one for key, one in (node or {}).items()} if name in ("callbacks", "logger") else {}
        for key, one in (several or {name: node}).items():
            if isinstance(one, dict) and "_target_" in one:
                yield key, group, one


def _target(key: str, target: str, group: Group) -> Any:
    made = imported_for(key, target)
    kind = get_object(group.kind) if group.kind else None
    fitting = (
        made is kind or (kind is not None and issubclass(made, kind))
        if isinstance(made, type) and kind is not None
        else inspect.isroutine(made) or (kind is None and callable(made))
    )
    if not fitting:
        wanted = f"must be a {group.kind}, or a function that makes one" if group.kind else "must be a function"
        raise UserError(f"{key}._target_={target}: {wanted}")
    return made


def _check_special(key: str, node: dict[str, Any], group: Group) -> None:
    if "_args_" in node:
        raise UserError(f"{key}._args_: give each argument by its name")
    for name, allowed in (("_partial_", (group.partial,)), ("_recursive_", (True, False)), ("_convert_", CONVERT)):
        default = False if name == "_partial_" else allowed[0]
        value = node.get(name, default)
        if value not in allowed or (isinstance(allowed[0], bool) and not isinstance(value, bool)):
            words = " or ".join(str(one).lower() for one in allowed)
            raise UserError(f"{key}.{name}={str(value).lower()}: must be {words}")


def _check_names(key: str, node: dict[str, Any], group: Group, known: Signature) -> None:
    ours = OURS if key in ("data", "model") else ()
    names = [str(name) for name in node if not str(name).startswith("_") and name not in ours]
    target = node["_target_"]
    for name in names:
        if name in group.given:
            raise UserError(f"{key}.{name}: the run gives this itself; leave it out")
        if name not in known.parameters and not known.open:
            hint = did_you_mean(name, sorted(known.parameters.keys() - set(group.given)))
            raise UserError(f"{key}.{name}: {target} takes no such value{hint}")
    untaken = [name for name in group.by_name if name not in known.parameters and not known.open]
    if untaken:
        raise UserError(f"{key}._target_={target}: must take {', '.join(untaken)}, which the run gives it")
    for name, parameter in known.parameters.items():
        needed = parameter.default is parameter.empty and parameter.kind != parameter.POSITIONAL_ONLY
        if needed and name not in node and name not in group.given:
            raise UserError(f"{key}.{name}: {target} needs a value for this")


def _check_value(key: str, value: Any, known: Signature, name: str) -> None:
    default, hint = known.parameters[name].default, known.hints[name]
    same = type(default) is type(value) and default == value  # also where the annotation forgets it
    if not same and not fits(value, hint):
        shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)[:80]
        allowed = words_of(hint)
        raise UserError(f"{key}={shown}: must be {allowed}{did_you_mean(str(value), allowed.split(', '))}")


@functools.cache  # each job of a sweep asks for the same
def signature_of(made: Callable[..., Any]) -> Signature | None:
    """A class of ours that hands `**more` to its bases takes theirs too. None: it cannot be looked into."""
    if not isinstance(made, type):
        functions: list[Any] = [made]
    elif made.__module__.startswith("initlab."):
        functions = [base.__dict__["__init__"] for base in made.__mro__[:-1] if "__init__" in base.__dict__]
    else:
        functions = [inspect.getattr_static(made, "__init__")]
    parameters: dict[str, inspect.Parameter] = {}
    hints: dict[str, Any] = {}
    for place, function in enumerate(functions or [made]):
        try:
            found = dict(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            return None
        if isinstance(made, type) and function is not made:
            found.pop(next(iter(found), ""), None)  # self
        kinds = {parameter.kind for parameter in found.values()}
        for name, parameter in found.items():
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and name not in parameters:
                # of a base only what its subclass does not give itself
                parameters[name] = (
                    parameter if place == 0 else parameter.replace(default=None, kind=parameter.KEYWORD_ONLY)
                )
                hints |= {name: hint for name, hint in [(name, _hints(function).get(name))] if hint is not None}
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return Signature(parameters, hints, open=False)
    return Signature(parameters, hints, open=True)


def _hints(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # a name that is there for the type checker alone
        return {}
