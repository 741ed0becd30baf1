"""All weights alike: the starting points that break no symmetry between hidden units."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.checks.rules import check
from initlab.init.scheme import Scheme


@dataclass(frozen=True, kw_only=True)
class Constant(Scheme):
    """W_ij = value. Units of one layer get equal gradients and stay equal for ever (d2l 5.4.1.3)."""

    entries: ClassVar[str] = "alike"

    value: float

    def __post_init__(self) -> None:
        check("init.value", self.value)

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

    entries: ClassVar[str] = "alike"

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        weight.zero_()

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return 0.0

    def __str__(self) -> str:
        return "zeros"
