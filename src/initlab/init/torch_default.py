"""What a fresh `torch.nn.Linear` holds."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.init.common_numbers import uniform_
from initlab.init.scheme import Scheme


@dataclass(frozen=True, kw_only=True)
class TorchDefault(Scheme):
    """Weight and bias ~ U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)): variance 1 / (3 fan_in), a sixth of what
    keeps E[x^2] through a ReLU layer. torch's source writes it as `kaiming_uniform_(a=sqrt(5))`.
    """

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        bound = 1 / math.sqrt(weight.shape[1])
        uniform_(weight, bound, generator)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return 1 / math.sqrt(3 * fan_in)

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float:
        return -1.2

    def bias_(self, bias: Float[Tensor, "outputs"], fan_in: int, generator: torch.Generator | None) -> None:
        bound = 1 / math.sqrt(fan_in)
        uniform_(bias, bound, generator)

    def bias_std(self, fan_in: int) -> float:
        return 1 / math.sqrt(3 * fan_in)

    def bias_excess_kurtosis(self) -> float:
        return -1.2

    def __str__(self) -> str:
        return "torch default"
