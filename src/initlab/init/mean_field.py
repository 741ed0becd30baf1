"""Weights by width and biases of one size, the two numbers of the mean-field theory."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.checks.rules import check
from initlab.init.scheme import Scheme


@dataclass(frozen=True, kw_only=True)
class MeanField(Scheme):
    """W_ij ~ N(0, sigma_w^2 / fan_in), b_i ~ N(0, sigma_b^2): the plane of ordered and chaotic networks (Poole et al.
    2016; Schoenholz et al. 2017). `Critical` is the point of it at which a signal neither fades nor grows."""

    sigma_w: float = 1.0
    sigma_b: float = 0.0

    def __post_init__(self) -> None:
        check("init.sigma_w", self.sigma_w)
        check("init.sigma_b", self.sigma_b)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        fan_out, fan_in = weight.shape
        weight.normal_(0, self.weight_std(fan_in, fan_out, gain), generator=generator)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return self.sigma_w / math.sqrt(fan_in)

    def bias_(self, bias: Float[Tensor, "outputs"], fan_in: int, generator: torch.Generator | None) -> None:
        bias.normal_(0, self.sigma_b, generator=generator)

    def bias_std(self, fan_in: int) -> float:
        return self.sigma_b

    def __str__(self) -> str:
        return f"mean field, sigma_w {self.sigma_w:.3g}, sigma_b {self.sigma_b:.3g}"
