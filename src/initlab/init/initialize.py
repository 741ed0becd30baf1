"""Draw the weights of a whole model."""

from collections.abc import Iterator

import torch
from torch import nn

from initlab.errors import UserError
from initlab.init.scheme import Scheme
from initlab.nn import Linear, activation_function


def dense_layers(model: nn.Module) -> Iterator[tuple[str, Linear | nn.Linear]]:
    """(name, layer) of every dense layer, ours or torch's, in the order of `model.named_modules()`."""
    for name, module in model.named_modules():
        if isinstance(module, Linear | nn.Linear):
            yield name, module


def gain_of(model: nn.Module) -> float:
    """The gain of `model.activation`, a name in `initlab.nn.ACTIVATIONS`; 1 for a model without that attribute."""
    return activation_function(getattr(model, "activation", "identity")).gain


@torch.no_grad()
def initialize(model: nn.Module, scheme: Scheme, *, generator: torch.Generator | None = None) -> None:
    """Draw every dense layer of the model anew, weight then bias, with one gain for all layers.

    Numbers are drawn where the generator lives (on the CPU if there is none) and copied, so one seed gives one
    set of weights on every device.
    """
    layers = [layer for _, layer in dense_layers(model)]
    if not layers:
        raise UserError(f"init={scheme}: {type(model).__name__} has no dense layer to initialise")
    gain = gain_of(model)
    device = "cpu" if generator is None else generator.device
    for layer in layers:
        weight = torch.empty_like(layer.weight, device=device)
        scheme.weight_(weight, gain, generator)
        layer.weight.copy_(weight)
        if layer.bias is not None:
            bias = torch.empty_like(layer.bias, device=device)
            scheme.bias_(bias, weight.shape[1], generator)
            layer.bias.copy_(bias)
