"""Where an activation function no longer passes a gradient on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import FunctionType

import torch
from torch import Tensor, nn

from initlab.monitor.kernels import Number, count

SATURATED_UNDER = 0.05  # of the largest |phi'|: for tanh |tanh(z)| > 0.975, for the sigmoid s < 0.0127 or > 0.987
REACH, GRID = 30.0, 6001  # where |phi'| is searched; beyond, it is taken to stay on the side it is on at the end
# phi works entry by entry, on its input alone. Not PReLU, whose slope is learned, nor RReLU, whose slope is drawn.
ELEMENTWISE = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid,
    nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh,
    nn.Tanhshrink,
)  # fmt: skip

Elementwise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Saturation:
    """The set {z : |phi'(z)| < 5 % of max |phi'|}, a union of intervals of the pre-activation z.

    edges: each (z, comparison, +1 or -1): the set has sum of sign * #{entries that compare so with z} entries.

    For ReLU it is z <= 0, the share of inactive entries (half of them is healthy there); for leaky ReLU of slope 0.01
    the same, as 1 % is under 5 %; the identity has none. GELU and SiLU have, besides the flat left end, a narrow
    interval around their minimum, where phi' changes its sign.
    """

    edges: tuple[tuple[float, Callable[..., Tensor], int], ...]

    def count(self, z: Tensor) -> Number:
        """How many entries of z are saturated."""
        found: Number = 0.0
        for edge, compare, sign in self.edges:
            found = found + sign * count(compare, z, edge)
        return found


def saturation_of(module: nn.Module) -> Saturation | None:
    """For an elementwise activation of torch's, or a module whose `function.derivative` gives phi', as those in
    `initlab.nn`; None for any other layer."""
    derivative = getattr(getattr(module, "function", None), "derivative", None)
    if derivative is not None:
        plain = isinstance(derivative, FunctionType) and derivative.__closure__ is None  # it holds no model
        return _of_function(derivative) if plain else saturated_set(derivative)
    if type(module) in ELEMENTWISE and "forward" not in vars(module):  # a subclass's forward may do anything
        return _of_torch(type(module), str(module), module.forward)
    return None


def saturated_set(derivative: Elementwise) -> Saturation:
    """The set for a phi' that maps a float64 tensor to one of the same shape: a grid, then bisection to the edges."""
    grid = torch.linspace(-REACH, REACH, GRID, dtype=torch.float64)
    size = derivative(grid).abs()
    limit = SATURATED_UNDER * float(size.max())

    def saturated(z: float) -> bool:
        return float(derivative(torch.tensor([z], dtype=torch.float64)).abs()) < limit

    below = size < limit
    edges = []
    for i in (below[1:] != below[:-1]).nonzero().flatten().tolist():
        edge = _bisect(saturated, float(grid[i]), float(grid[i + 1]))
        ends = bool(below[i])  # the set ends here, where it goes left to right
        # The edge itself belongs to what it is: z <= edge is counted where it is saturated and the set ends there.
        compare = torch.le if saturated(edge) == ends else torch.lt
        edges.append((edge, compare, 1 if ends else -1))
    if below[-1]:  # the last interval has no end
        edge, compare, _ = edges.pop()
        edges.append((edge, torch.gt if compare is torch.le else torch.ge, 1))
    return Saturation(tuple(edges))


def _bisect(holds: Callable[[float], bool], left: float, right: float) -> float:
    at_left = holds(left)
    for _ in range(60):
        middle = (left + right) / 2
        if holds(middle) == at_left:
            left = middle
        else:
            right = middle
    return 0.0 if abs(left) < 1e-12 else left  # a kink at 0 is at 0


@cache
def _of_function(derivative: FunctionType) -> Saturation:
    return saturated_set(derivative)


def _of_torch(kind: type, text: str, phi: Elementwise) -> Saturation:
    known = _KNOWN.get((kind, text))
    if known is None:
        known = _KNOWN[kind, text] = saturated_set(lambda z: _autograd(phi, z))
    return known


_KNOWN: dict[tuple[type, str], Saturation] = {}  # by type and its settings as printed


def _autograd(phi: Elementwise, z: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        z = z.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(phi(z * 1).sum(), z)  # z * 1: an in-place phi may not overwrite a leaf
    return gradient
