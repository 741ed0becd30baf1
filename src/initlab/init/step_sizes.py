"""Step sizes that belong to an initialisation: one for each layer, as a factor on the optimiser's lr."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from initlab.checks.rule import OPTIMIZER_KIND, check_value
from initlab.init.behind import traced
from initlab.init.scheme import Dense, Scheme
from initlab.limits import kind_of

MakeOptimizer = Callable[[Iterable[Any]], torch.optim.Optimizer]


def step_size_factors(
    model: nn.Module, scheme: Scheme, kind: str, batch: Callable[[], Any] | None = None
) -> dict[str, float]:
    """By name of a parameter of a dense layer, the factor that `scheme` asks of its step; `kind`: "sgd" or "adam".

    `batch` gives inputs, so that the layers are counted in the order of the forward pass.
    """
    check_value("kind", kind, OPTIMIZER_KIND)
    return _factors(layers_for(scheme, model, batch), scheme, kind)


def dense_layers(model: nn.Module, X: Any = None) -> list[tuple[str, Dense]]:
    """(name, layer) of every dense layer, ours or torch's, in the order of `model.named_modules()`; with inputs X in
    the order in which a forward pass first calls them, those it does not call last."""
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, Dense)]
    if X is None:
        return found
    order = traced(model, [layer for _, layer in found], X).order
    return sorted(found, key=lambda item: order.index(item[1]) if item[1] in order else len(found))


def layers_for(scheme: Scheme, model: nn.Module, batch: Callable[[], Any] | None = None) -> list[tuple[str, Dense]]:
    """The dense layers in the order that `scheme.at` counts them in: a forward pass is made only where it matters."""
    return dense_layers(model, batch() if batch is not None and scheme.by_place else None)


def _factors(layers: list[tuple[str, Dense]], scheme: Scheme, kind: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for i, (name, layer) in enumerate(layers):
        fan_out, fan_in = layer.weight.shape
        here = scheme.at(i, len(layers))
        found[f"{name}.weight"] = here.step_size(i, len(layers), fan_in, fan_out, kind, bias=False)
        if layer.bias is not None:
            found[f"{name}.bias"] = here.step_size(i, len(layers), fan_in, fan_out, kind, bias=True)
    return found


def with_step_sizes(
    make: MakeOptimizer, model: nn.Module, scheme: Scheme, batch: Callable[[], Any] | None = None
) -> MakeOptimizer:
    """`make` with a parameter group for each step size, the one of factor 1 first; `make` as it is where all are 1.

    A weight decay is divided by its group's factor, so that lr weight_decay, what a step takes from a weight, is the
    same in all: MuSGD, MuAdam and MuAdamW of microsoft/mup do so. `batch` as for `step_size_factors`.
    """
    layers = layers_for(scheme, model, batch)

    def made(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        wanted = list(parameters)
        plain = make(wanted)
        factors = _factors(layers, scheme, kind_of(type(plain)))
        named = {id(parameter): factors.get(name, 1.0) for name, parameter in model.named_parameters()}
        groups: dict[float, list[Tensor]] = {1.0: []}
        for parameter in wanted:
            groups.setdefault(named.get(id(parameter), 1.0), []).append(parameter)
        if len(groups) == 1:
            return plain
        lr, decay = plain.defaults["lr"], plain.defaults.get("weight_decay", 0)
        return make([_group(some, factor, lr, decay) for factor, some in groups.items() if some])

    return made


def _group(parameters: list[Tensor], factor: float, lr: Any, decay: Any) -> dict[str, Any]:
    group = {"params": parameters, "lr": factor * lr}
    return group | {"weight_decay": decay / factor} if decay else group
