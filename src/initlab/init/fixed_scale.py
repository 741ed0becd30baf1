"""Independent draws of one size for every layer, whatever its width."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.checks.rules import check
from initlab.init.scheme import Scheme, uniform_


@dataclass(frozen=True, kw_only=True)
class Normal(Scheme):
    """W_ij ~ N(0, sigma^2). The default 0.01 is d2l's (3.4, 4.4, 5.2), whatever the width, so a linear layer
    multiplies the size of its signal by 0.01 sqrt(fan_in).
    """

    sigma: float = 0.01

    def __post_init__(self) -> None:
        check("init.sigma", self.sigma)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return self.sigma

    def __str__(self) -> str:
        return f"normal, sigma {self.sigma:g}"


@dataclass(frozen=True, kw_only=True)
class Uniform(Scheme):
    """W_ij ~ U(-bound, bound), whose std is bound / sqrt(3)."""

    bound: float

    def __post_init__(self) -> None:
        check("init.bound", self.bound)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        uniform_(weight, self.bound, generator)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return self.bound / math.sqrt(3)

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float:
        return -1.2

    def __str__(self) -> str:
        return f"uniform, bound {self.bound:g}"


@dataclass(frozen=True, kw_only=True)
class TruncatedNormal(Scheme):
    """N(0, sigma^2) given |W_ij| <= 2 sigma, which leaves a std of 0.8796 sigma.

    Drawn by inversion: sigma sqrt(2) erfinv(u), u ~ U(-p, p), p = erf(sqrt 2) = P(|z| <= 2) = 0.9545.
    """

    sigma: float

    def __post_init__(self) -> None:
        check("init.sigma", self.sigma)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        inside = math.erf(math.sqrt(2))  # P(|z| <= 2)
        uniform_(weight, inside, generator).erfinv_().mul_(self.sigma * math.sqrt(2))

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        """sigma sqrt(1 - 4 phi(2) / P(|z| <= 2)), phi the normal density."""
        density = math.exp(-2) / math.sqrt(2 * math.pi)
        return self.sigma * math.sqrt(1 - 4 * density / math.erf(math.sqrt(2)))

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float:
        """E[z^4 | |z| <= 2] = 1.4162 by parts, over 0.7737^2."""
        return 1.41618 / 0.77374**2 - 3

    def __str__(self) -> str:
        return f"truncated normal, sigma {self.sigma:g}, cut at 2 sigma"


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
