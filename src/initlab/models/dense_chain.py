"""The chain of dense layers that multilayer perceptrons are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise

from torch import Tensor
from torch.nn import Module, ModuleList

from initlab.models.parts import PARTS
from initlab.nn import flat


def dense_chain(widths: Sequence[int], activation: str, *, bias: bool, layers: str) -> tuple[ModuleList, ModuleList]:
    """The dense layers of `widths` = [inputs, hidden ..., outputs], and the activations that stand between them."""
    dense, phi = PARTS[layers].dense, PARTS[layers].phi
    dense_layers = ModuleList(dense(i, o, bias=bias) for i, o in pairwise(widths))
    return dense_layers, ModuleList(phi(activation) for _ in widths[1:-1])


def through(X: Tensor, layers: ModuleList, phis: ModuleList) -> Tensor:
    """The output of the last layer for inputs [batch, ...]: [batch, outputs]."""
    H = flat(X, layers[0])
    for layer, phi in zip(layers, phis, strict=False):
        H = phi(layer(H))
    return layers[-1](H)


def one_after_the_other(layers: ModuleList, phis: ModuleList) -> list[Module]:
    """In the order in which `through` applies them."""
    return [*chain.from_iterable(zip(layers, phis, strict=False)), layers[-1]]
