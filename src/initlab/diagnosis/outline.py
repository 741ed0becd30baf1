"""What the findings need to know of a network, besides its rows: which layers are alike, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from initlab.limits import kind_of
from initlab.numbers import first_call, plain_name

if TYPE_CHECKING:
    import torch

# Their derivative goes to 0 on both sides, so a far input of either sign passes no gradient. ReLU, GELU and SiLU are
# flat on one side only: that is how they work, and a trained transformer leaves most entries of a GELU there.
BOUNDED = ("tanh", "sigmoid", "hardtanh", "hardsigmoid", "softsign")


class Rows(Protocol):
    """What is read of `initlab.monitor.History`."""

    def layers(self, quantity: str) -> list[str]: ...

    def series(self, layer: str, quantity: str) -> tuple[Sequence[int], Sequence[float]]: ...


@dataclass(frozen=True)
class Outline:
    """Names of layers, in execution order.

    chain:       layers with a weight matrix or kernel (their first call in a step), without the last, whose size the
                 loss and not the next layer decides: along these the signal should neither vanish nor explode.
    activations: elementwise functions.
    bounded:     those of them that saturate on both sides.
    matrices:    parameters with two dimensions or more.
    scale_free:  whether the optimiser's step keeps its length when the gradient shrinks.
    outputs:     units of the last layer with a weight matrix, 0 where they are not known.
    no_optimizer, no_gradient: parameters that want a gradient and stay as they are: no optimiser of the fit has them,
                 or one has them and no step that was looked at brought a gradient, though their layer was called.
    """

    chain: tuple[str, ...]
    activations: tuple[str, ...]
    bounded: tuple[str, ...]
    matrices: tuple[str, ...]
    scale_free: bool = False
    outputs: int = 0
    no_optimizer: tuple[str, ...] = ()
    no_gradient: tuple[str, ...] = ()


def outline_of(model: torch.nn.Module, history: Rows, optimizers: Sequence[Any] = ()) -> Outline:
    """Of a model and what was recorded of it."""
    modules = {plain_name(path): module for path, module in model.named_modules()}
    weighted = [name for name in history.layers("std") if has_kernel(modules.get(name))]
    activations = history.layers("saturated")
    bounded = [name for name in activations if function_name(modules.get(first_call(name, modules))) in BOUNDED]
    matrices = [plain_name(path) for path, parameter in model.named_parameters() if parameter.ndim >= 2]
    scale_free = kind_of(*map(type, optimizers)) == "adam"
    last = weights_of(modules.get(first_call(weighted[-1], modules))) if weighted else []
    outputs = len(last[0]) if last else 0
    chain, still = tuple(weighted[:-1]), _untrained(model, history, optimizers)
    return Outline(chain, tuple(activations), tuple(bounded), tuple(matrices), scale_free, outputs, *still)


def _untrained(
    model: torch.nn.Module, history: Rows, optimizers: Sequence[Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`no_optimizer`, `no_gradient`. None where the model may make its steps itself, nor with an optimiser that is not
    one of torch's: it may hold parameters of its own in place of the model's (DeepSpeed)."""
    import torch

    from initlab.monitor.parameter_probe import held_by
    from initlab.monitor.watched_fit import OF_PARAMETERS

    held = held_by(*optimizers)
    automatic = getattr(model, "automatic_optimization", True)
    by_itself = not automatic and held.isdisjoint(map(id, model.parameters()))
    if not held or by_itself or not all(isinstance(optimizer, torch.optim.Optimizer) for optimizer in optimizers):
        return (), ()
    moved = {name for quantity in OF_PARAMETERS for name in history.layers(quantity)}
    called = {first_call(name) for name in history.layers("std")}
    still = {plain_name(path): p for path, p in model.named_parameters() if p.requires_grad}
    still = {name: p for name, p in still.items() if name not in moved}
    without = [name for name, p in still.items() if id(p) in held and moved and name.rpartition(".")[0] in called]
    return tuple(name for name, p in still.items() if id(p) not in held), tuple(without)


def has_kernel(module: Any) -> bool:
    """Whether it multiplies by a matrix or a kernel, as dense and convolution layers do; a look-up does not."""
    return any(tensor.ndim >= 2 for tensor in weights_of(module)) and "Embedding" not in type(module).__name__


def weights_of(module: Any) -> list[torch.Tensor]:
    """Its weight, or, where that is computed from others (weight_norm), those: to compute it may change a module's
    state (spectral_norm in training)."""
    computed = getattr(module, "parametrizations", None) or {}
    if "weight" in computed:
        return list(computed["weight"].parameters(recurse=False))
    weight: Any = getattr(module, "weight", None)
    return [weight] if hasattr(weight, "ndim") else []


def function_name(module: Any) -> str:
    """Lower case: of torch's modules the class, of ours the function that it applies."""
    return str(getattr(getattr(module, "function", None), "name", type(module).__name__)).lower()
