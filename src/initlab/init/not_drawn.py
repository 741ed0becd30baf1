"""Weights that no chance decides: all alike, the identity, the numbers of a worked example in a book."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.init.scheme import Dense, Scheme


@dataclass(frozen=True, kw_only=True)
class Constant(Scheme):
    """W_ij = value. Units of one layer get equal gradients and stay equal for ever (d2l 5.4.1.3)."""

    entries: ClassVar[str] = "alike"

    value: float

    def __post_init__(self) -> None:
        check("init.value", self.value)
        if self.value == 0:
            object.__setattr__(self, "entries", Zeros.entries)  # the same weights

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        weight.fill_(self.value)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return 0.0

    def __str__(self) -> str:
        return f"constant {self.value:g}"


@dataclass(frozen=True, kw_only=True)
class Zeros(Scheme):
    """W = 0. Fine for a linear or softmax model, whose loss is convex; in a deeper one with an activation
    that is 0 at 0, nothing but the last bias ever moves.
    """

    entries: ClassVar[str] = "zero"

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        weight.zero_()

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return 0.0

    def __str__(self) -> str:
        return "zeros"


@dataclass(frozen=True, kw_only=True)
class Identity(Scheme):
    """W_ij = 1 where i = j, else 0: a ReLU layer of equal width begins by copying its input (Le et al. 2015).

    The mean entry is 1 / max(fan_in, fan_out) = p, their variance p (1 - p).
    """

    entries: ClassVar[str] = "fixed"
    by_shape: ClassVar[bool] = True

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        weight.zero_().fill_diagonal_(1)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        p = 1 / max(fan_in, fan_out)
        return math.sqrt(p * (1 - p))

    def centred(self) -> bool:
        """A convolution copies its input, as with `torch.nn.init.dirac_`."""
        return True

    def why_not(self, layer: nn.Module, outputs: int, inputs: int) -> str:
        return "a product of two inputs hands neither on" if isinstance(layer, nn.Bilinear) else ""

    def __str__(self) -> str:
        return "identity"


@dataclass(frozen=True, kw_only=True)
class Given(Scheme):
    """The numbers themselves: `weights` has a list of rows [outputs][inputs] for each dense layer in order, `biases` a
    list [outputs] for each; biases are 0 where None.
    """

    entries: ClassVar[str] = "fixed"

    weights: Any  # [layers][outputs][inputs]; `rules` checks what no annotation can say in one sentence
    biases: Any = None  # [layers][outputs]

    def __post_init__(self) -> None:
        check("init.weights", self.weights)
        check("init.biases", self.biases)
        for layer, rows in enumerate(self.weights):
            if len({len(row) for row in rows}) > 1:
                raise UserError(f"init.weights: the rows of dense layer {layer} are not equally long")
        if self.biases is not None and len(self.biases) != len(self.weights):
            raise UserError(f"init.biases: there are {len(self.biases)}, but {len(self.weights)} in init.weights")

    def at(self, layer: int, layers: int) -> Given:
        if len(self.weights) != layers:
            raise UserError(f"init.weights: there are {len(self.weights)}, but the network has {layers} dense layers")
        return Given(weights=[self.weights[layer]], biases=self.biases and [self.biases[layer]])

    def why_not(self, layer: nn.Module, outputs: int, inputs: int) -> str:
        return "" if isinstance(layer, Dense) else "init.weights has those of dense layers alone"

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        weight.copy_(self._fitting("weights", self.weights[0], weight))

    def bias_(self, bias: Float[Tensor, "outputs"], fan_in: int, generator: torch.Generator | None) -> None:
        if self.biases is None:
            bias.zero_()
        else:
            bias.copy_(self._fitting("biases", self.biases[0], bias))

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        """Of the numbers given."""
        return float(torch.tensor(self.weights[0], dtype=torch.float64).std(correction=0))

    def bias_std(self, fan_in: int) -> float:
        return 0.0 if self.biases is None else float(torch.tensor(self.biases[0]).double().std(correction=0))

    def _fitting(self, key: str, numbers: Sequence[object], parameter: Tensor) -> Tensor:
        values = torch.tensor(numbers, dtype=torch.float64)
        if values.shape != parameter.shape:
            given, wanted = (" x ".join(map(str, shape)) for shape in (values.shape, parameter.shape))
            raise UserError(f"init.{key}: these are {given} numbers, but a dense layer here has {wanted}")
        return values

    def __str__(self) -> str:
        return f"given, {sum(len(row) for rows in self.weights for row in rows)} weights"
