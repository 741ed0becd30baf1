"""Which of a model's layers are watched."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

from torch import jit, nn
from torch.nn.utils.parametrize import is_parametrized

from initlab.checks.rule import did_you_mean
from initlab.errors import UserError
from initlab.numbers import plain_name

ALONE = (nn.MultiheadAttention, jit.ScriptModule)  # leaves, whatever their children
NO_LAYERS = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)  # hold things and are not called


def choose_layers(model: nn.Module, patterns: str | Sequence[str] | None = None) -> dict[str, nn.Module]:
    """Layers by name, in the order in which the model registers them.

    None takes every leaf, a module that calls no other: one without children; `nn.MultiheadAttention`, whose child is
    never called; a parametrized layer (weight_norm), whose children compute its weight; a ScriptModule, whose children
    run where Python does not see them. A pattern is a name, a module's type ("Linear", "BasicBlock"), a glob
    ("layers.*") or a regular expression for the whole name; names and types may choose any module, a glob or
    expression the leaves, or any module where it fits no leaf.

    Raises:
        UserError: for a pattern that fits nothing.
    """
    named: dict[str, nn.Module] = {}
    leaves: dict[str, nn.Module] = {}
    hidden: tuple[str, ...] = ()  # what the names of a leaf's children begin with
    for path, module in model.named_modules():
        if not path or path.startswith(hidden) or isinstance(module, NO_LAYERS):
            continue
        name = plain_name(path)
        named[name] = module
        parts = {child for child, _ in module.named_children()}
        if is_parametrized(module):
            parts.discard("parametrizations")
            hidden += (f"{path}.parametrizations",)
        if not parts or isinstance(module, ALONE):
            leaves[name] = module
            if parts:
                hidden += (f"{path}.",)
    if patterns is None:
        return leaves
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        found = {name for name, module in named.items() if pattern in (name, type(module).__name__)}
        found = found or {name for name in leaves if _fits(pattern, name)} or {n for n in named if _fits(pattern, n)}
        if not found:
            types = {type(module).__name__ for module in named.values()}
            raise UserError(
                f"callbacks.monitor.layers={pattern}: no layer of {type(model).__name__} has such a name or type"
                f"{did_you_mean(pattern, [*named, *types])} (layers: {', '.join(list(leaves)[:6])}, ...)"
            )
        chosen |= found
    return {name: module for name, module in named.items() if name in chosen}


def _fits(pattern: str, name: str) -> bool:
    if fnmatch.fnmatchcase(name, pattern):
        return True
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error:
        return False


def compiled_layers(model: nn.Module) -> set[int]:
    """The ids of all modules that run within a compiled graph: of `torch.compile(module)`, `module.compile()`, or the
    whole LightningModule by `trainer.fit(torch.compile(model))`."""
    if vars(model).get("_compiler_ctx"):
        return {id(module) for module in model.modules()}
    inside: set[int] = set()
    for module in model.modules():  # vars: a module may answer for any name
        wraps = any(name == "_orig_mod" for name, _ in module.named_children())
        if wraps or vars(module).get("_compiled_call_impl") is not None:
            inside.update(id(part) for part in module.modules())
    return inside
