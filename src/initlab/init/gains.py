"""The gain of each layer of a network, and where it is from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from initlab.errors import UserError
from initlab.init.behind import NOTHING, Behind, next_in_order, traced
from initlab.init.scheme import Scheme
from initlab.nn import activation_function

Gain = tuple[float, str]  # and where it is from


def gain_of(model: nn.Module) -> float:
    """The gain of `model.activation`, a name in `initlab.nn.ACTIVATIONS`; 1 for a model that names none."""
    name = getattr(model, "activation", "identity")
    return activation_function(name if isinstance(name, str) else "identity").gain


def declared_by(model: nn.Module) -> str | None:
    """The activation that the model itself names; "identity", as of a model without any, names none."""
    name = getattr(model, "activation", None)
    return name if isinstance(name, str) and name != "identity" else None


def gains_of(
    model: nn.Module, layers: list[nn.Module], scheme: Scheme, given: Callable[[], Any] | None
) -> tuple[dict[nn.Module, Gain], list[nn.Module], list[str]]:
    """For each layer its gain and where that is from; the layers that a forward pass called, in its order; notes."""
    declared, notes, order = declared_by(model), [], []
    gain = gain_of(model)
    behind: dict[nn.Module, Behind] = {}
    if given is not None and (scheme.by_place or scheme.unit_signal or declared is None):
        try:
            trace = traced(model, layers, given())
            order, behind = trace.order, trace.behind
        except UserError as error:
            if scheme.by_place or scheme.unit_signal:
                raise
            notes.append(f"nothing was traced: {error}")
    missed = [name for name, module in model.named_modules() if module in layers and module not in order]
    if scheme.unit_signal and missed:
        notes.append(f"the batch does not reach {', '.join(missed)}: as drawn, of no unit signal")
    registered = {} if declared else next_in_order(model, layers)
    gains: dict[nn.Module, Gain] = {}
    for layer in layers:
        if isinstance(layer, nn.MultiheadAttention):
            gains[layer] = 1.0, "attention"
        elif isinstance(layer, (nn.RNN, nn.RNNCell)):
            gains[layer] = activation_function(layer.nonlinearity).gain, f"{layer.nonlinearity} (its own)"
        elif isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
            gains[layer] = 1.0, "gates"
        elif declared:
            gains[layer] = gain, f"{declared} (model)"
        else:
            source, how = (behind, "traced") if layer in order else (registered, "next module")
            at = source.get(layer, NOTHING)
            gains[layer] = at.gain, f"{at.name or 'none'} ({how})"
    return gains, order, notes
