"""The backward pass by hand: the chain rule from the loss to every parameter, without autograd (d2l 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.nn.activations import Activation
from initlab.nn.layers import Linear


class Chain:
    """Dense layers and activations one after the other, with their gradients written out.

    For a layer Y = X W^T + b, with dY for d loss / d Y:

        dW = dY^T X,    db = sum of dY over the batch,    dX = dY W,

    and for an activation H = phi(Z): dZ = dH phi'(Z), entry by entry. Gradients go to `.grad`, into memory that is kept
    from step to step, or are added to what is there, as autograd does; a parameter with `requires_grad=False` gets
    none. What autograd gives differs by rounding only.

    Args:
        modules: in the order in which they are applied. They are called, so their hooks run.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        for module in modules:
            if not isinstance(module, (Linear, Activation)):
                raise TypeError(f"{type(module).__name__}: the chain knows the gradients of Linear and Activation only")
        self.modules = list(modules)
        self.hooks: list[Callable[[nn.Module, Tensor], None]] = []
        """Called in the backward pass with each module and d loss / d (its output)."""
        self._kept: list[Tensor] = []  # the input of every module, and the output of the last
        self._buffers: dict[nn.Parameter, Tensor] = {}

    @torch.no_grad()
    def forward(self, X: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        """The output of the last module; what lies between is kept for `backward`."""
        self._kept = [X]
        for module in self.modules:
            self._kept.append(module(self._kept[-1]))
        return self._kept[-1]

    @torch.no_grad()
    def backward(self, gradient: Float[Tensor, "batch outputs"]) -> None:
        """`gradient`: d loss / d output of the forward pass just made. It may be called once for each."""
        output = self._kept.pop()
        for i, module in reversed(list(enumerate(self.modules))):
            for hook in self.hooks:
                hook(module, gradient)
            inputs = self._kept.pop()
            if isinstance(module, Activation):
                gradient = gradient * module.function.slope(inputs, output)
            else:
                assert isinstance(module, Linear)
                self._add(module.weight, partial(torch.mm, gradient.T, inputs))
                if module.bias is not None:
                    self._add(module.bias, partial(torch.sum, gradient, dim=0))
                if i > 0:
                    gradient = gradient @ module.weight
            output = inputs

    def _add(self, parameter: nn.Parameter, compute: Callable[..., Tensor]) -> None:
        """Compute a gradient into the parameter's buffer, or add it to the one that is there."""
        if not parameter.requires_grad:
            return
        buffer = self._buffers.get(parameter)
        if buffer is None or buffer.device != parameter.device or buffer.dtype != parameter.dtype:
            buffer = self._buffers[parameter] = torch.empty_like(parameter)
        if parameter.grad is None:
            parameter.grad = compute(out=buffer)
        else:
            parameter.grad.add_(compute())
