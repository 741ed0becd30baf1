"""The backward pass by hand: the chain rule from the loss to every parameter, without autograd (d2l 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from initlab.nn.activations import Activation
from initlab.nn.layers import Linear, products


class Chain:
    """Dense layers and activations one after the other, with their gradients written out.

    For a layer Y = X W^T + b, with dY for d loss / d Y (and of several models at once each its own, see `Linear`):

        dW = dY^T X,    db = sum of dY over the batch,    dX = dY W,

    and for an activation H = phi(Z): dZ = dH phi'(Z), entry by entry. Gradients go to `.grad`, into memory that is kept
    from step to step, or are added to what is there, as autograd does; a parameter with `requires_grad=False` gets
    none. What autograd gives differs by rounding only.

    Signals that only the backward pass reads, and the gradients that it makes, go to memory that is kept too.

    Args:
        modules: in the order in which they are applied.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        for module in modules:
            if not isinstance(module, (Linear, Activation)):
                raise TypeError(f"{type(module).__name__}: the chain knows the gradients of Linear and Activation only")
        self.modules = list(modules)
        self.hooks: list[Callable[[nn.Module, Tensor], None]] = []
        """Called in the backward pass with each module and d loss / d (its output), which is overwritten afterwards."""
        self._kept: list[Tensor] = []  # the input of every module, and the output of the last
        self._buffers: dict[nn.Parameter, Tensor] = {}
        self._room: dict[tuple[str, int], Tensor] = {}  # by what it is for

    @torch.no_grad()
    def forward(self, X: Float[Tensor, "*some batch inputs"]) -> Float[Tensor, "*models batch outputs"]:
        """The output of the last module; what lies between is kept for `backward`."""
        self._kept = [X]
        for i, module in enumerate(self.modules):
            self._kept.append(self._output(i, module, self._kept[-1]))
        return self._kept[-1]

    def _output(self, i: int, module: nn.Module, X: Tensor) -> Tensor:
        """Of module i, which is called where hooks look at it, and at the end, as the last output is the caller's."""
        if i == len(self.modules) - 1 or _is_hooked(module):
            return module(X)
        if type(module) is Activation and module.function.in_place and X is self._room.get(("signal", i - 1)):
            return module.function.in_place(X)
        if type(module) is Linear and module.bias is not None:
            W, b = module.weight, module.bias
            if W.dim() == 2:
                return torch.addmm(b, X, W.T, out=self._place("signal", i, X, len(X), module.num_outputs))
            if len(X) == len(W):
                return products(X, W, b, self._place("signal", i, X, *X.shape[:2], module.num_outputs))
            room = self._place("product", i, X, X.shape[1], len(W) * module.num_outputs)
            signal = self._room["signal", i] = products(X, W, b, room)
            return signal
        return module(X)

    def _place(self, what: str, i: int, X: Tensor, *shape: int) -> Tensor:
        """Of this shape, like X, the same memory at each call with as many rows."""
        found = self._room.get((what, i))
        if found is None or found.shape != shape or (found.device, found.dtype) != (X.device, X.dtype):
            found = self._room[what, i] = X.new_empty(shape)
        return found

    @torch.no_grad()
    def backward(self, gradient: Float[Tensor, "*models batch outputs"]) -> None:
        """`gradient`: d loss / d output of the forward pass just made. It may be called once for each."""
        output = self._kept.pop()
        for i, module in reversed(list(enumerate(self.modules))):
            for hook in self.hooks:
                hook(module, gradient)
            inputs = self._kept.pop()
            if isinstance(module, Activation):
                slope = module.function.slope(inputs, output)
                gradient = gradient.mul_(slope) if i + 1 < len(self.modules) else gradient * slope
            else:
                assert isinstance(module, Linear)
                self._add(module.weight, partial(_of_weights, gradient, inputs))
                if module.bias is not None:
                    self._add(module.bias, partial(torch.sum, gradient, dim=-2))
                if i > 0:
                    room = self._place("gradient", i, gradient, *gradient.shape[:-1], module.num_inputs)
                    gradient = torch.matmul(gradient, module.weight, out=room)
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


def _of_weights(gradient: Tensor, inputs: Tensor, out: Tensor | None = None) -> Tensor:
    """dY^T X; of several models each its own, for shared inputs as one product."""
    if gradient.dim() == 2 or len(inputs) == len(gradient):
        return torch.matmul(gradient.mT, inputs, out=out)
    dY = gradient.transpose(0, 1).flatten(1)
    of_all = torch.mm(dY.T, inputs[0], out=None if out is None else out.flatten(0, 1))
    return of_all.unflatten(0, (len(gradient), -1))


def _is_hooked(module: nn.Module) -> bool:
    """Whether hooks run when it is called. torch does not say so in public: where a later one keeps them elsewhere the
    answer is yes, and the module is called."""
    kinds = ("forward_pre", "forward", "backward_pre", "backward")
    own = (getattr(module, f"_{kind}_hooks", True) for kind in kinds)
    of_all = (getattr(torch_module, f"_global_{kind}_hooks", True) for kind in kinds)
    return any(own) or any(of_all) or "forward" in vars(module)
