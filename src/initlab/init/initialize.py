"""Draw the weights of a whole model."""

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from initlab.errors import UserError
from initlab.init.scheme import Scheme, dense_layers, layers_for
from initlab.nn import activation_function


def gain_of(model: nn.Module) -> float:
    """The gain of `model.activation`, a name in `initlab.nn.ACTIVATIONS`; 1 for a model without that attribute."""
    return activation_function(getattr(model, "activation", "identity")).gain


def left_alone(model: nn.Module) -> list[str]:
    """The names of the parameters that `initialize` does not draw, each with the class of its layer."""
    drawn = {id(p) for _, layer in dense_layers(model) for p in (layer.weight, layer.bias) if p is not None}
    owner = {name: type(module).__name__ for name, module in model.named_modules()}
    return [f"{name} ({owner[name.rpartition('.')[0]]})" for name, p in model.named_parameters() if id(p) not in drawn]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


@torch.no_grad()
def initialize(
    model: nn.Module,
    scheme: Scheme,
    *,
    generator: torch.Generator | None = None,
    batch: Callable[[], Tensor] | None = None,
) -> Sequence[object]:
    """Draw every dense layer of the model again, weight then bias, with one gain for all layers.

    Parameters of other layers are left as they were, and a warning names them.

    `batch` gives inputs for the model: for schemes that look at data, what these report is returned; for schemes that
    tell a network's layers apart, so that they are counted in the order of the forward pass.

    Numbers are drawn where the generator lives (on the CPU if there is none) and copied, so one seed gives one
    set of weights on every device.
    """
    layers = [layer for _, layer in layers_for(scheme, model, batch)]
    if not layers:
        found = _listed(left_alone(model)) or "no parameters at all"
        raise UserError(f"init={scheme}: {type(model).__name__} has no dense layer to initialise, but {found}")
    others = left_alone(model)
    if others:
        warnings.warn(
            f"init={scheme}: only dense layers are drawn; left as they were: {_listed(others)}", stacklevel=3
        )  # 3: torch.no_grad is between
    gain = gain_of(model)
    device = "cpu" if generator is None else generator.device
    for i, layer in enumerate(layers):
        here = scheme.at(i, len(layers))
        weight = torch.empty_like(layer.weight, device=device)
        here.weight_(weight, gain, generator)
        layer.weight.copy_(weight)
        if layer.bias is not None:
            bias = torch.empty_like(layer.bias, device=device)
            here.bias_(bias, weight.shape[1], generator)
            layer.bias.copy_(bias)
    if not scheme.unit_signal:
        return ()
    if batch is None:
        raise UserError(f"init={scheme}: this scheme looks at data; give initialize(..., batch=...)")
    return scheme.fit_(model, batch())
