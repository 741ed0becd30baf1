"""Few weights, but not small ones."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.checks.rules import check
from initlab.init.scheme import Scheme


@dataclass(frozen=True, kw_only=True)
class Sparse(Scheme):
    """N(0, sigma^2), then ceil(sparsity fan_out) entries of each column, drawn at random, are 0.

    As `torch.nn.init.sparse_`, but all of it from the generator (torch takes the places of the zeros from its
    global one). A column holds the weights that leave one input; Martens (2010, section 5), who had the idea,
    allows 15 weights to enter each unit, which is a row.
    """

    by_shape: ClassVar[bool] = True

    sparsity: float
    sigma: float = 0.01

    def __post_init__(self) -> None:
        check("init.sparsity", self.sparsity)
        check("init.sigma", self.sigma)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        weight.normal_(0, self.sigma, generator=generator)
        order = torch.empty_like(weight).uniform_(generator=generator).argsort(dim=0)
        weight.scatter_(0, order[: self._num_zeros(len(weight))], 0.0)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        """sigma sqrt(share of entries that are not 0)."""
        return self.sigma * math.sqrt(1 - self._num_zeros(fan_out) / fan_out)

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float:
        return 3 / max(1 - self._num_zeros(fan_out) / fan_out, 1 / fan_out) - 3

    def _num_zeros(self, fan_out: int) -> int:
        return math.ceil(self.sparsity * fan_out)

    def __str__(self) -> str:
        return f"sparse, {self.sparsity:.0%} zeros, sigma {self.sigma:g}"
