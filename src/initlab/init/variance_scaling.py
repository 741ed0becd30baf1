"""Variance by the layer's width, so that a signal keeps its size through many layers."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.checks.rules import check
from initlab.init.scheme import Scheme, chosen_gain, gain_label, uniform_


@dataclass(frozen=True, kw_only=True)
class VarianceScaling(Scheme):
    """Independent normal or uniform draws of the std that the subclass derives; U(-a, a) has a / sqrt(3)."""

    distribution: str = "normal"

    def __post_init__(self) -> None:
        check("init.distribution", self.distribution)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        if self.distribution == "normal":
            super().weight_(weight, gain, generator)
        else:
            fan_out, fan_in = weight.shape
            uniform_(weight, math.sqrt(3) * self.weight_std(fan_in, fan_out, gain), generator)

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float:
        return 0.0 if self.distribution == "normal" else -1.2


@dataclass(frozen=True, kw_only=True)
class LeCun(VarianceScaling):
    """Variance 1 / fan_in: inputs of unit variance give sums of unit variance (LeCun et al. 1998, eq. 16)."""

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return 1 / math.sqrt(fan_in)

    def __str__(self) -> str:
        return f"lecun {self.distribution}"


@dataclass(frozen=True, kw_only=True)
class Xavier(VarianceScaling):
    """Variance 2 gain^2 / (fan_in + fan_out), between what the forward (1 / fan_in) and the backward pass
    (1 / fan_out) ask of a linear layer (Glorot and Bengio 2010, eq. 12; its eq. 16 is the uniform form).

    The paper has no gain: `gain` is 1 unless given. None takes the activation's.
    """

    gain: float | None = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check("init.gain", self.gain)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return chosen_gain(self.gain, gain) * math.sqrt(2 / (fan_in + fan_out))

    def __str__(self) -> str:
        return f"xavier {self.distribution}, {gain_label(self.gain)}"


@dataclass(frozen=True, kw_only=True)
class Kaiming(VarianceScaling):
    """Variance gain^2 / fan: with fan_in a ReLU layer keeps E[x^2] (He et al. 2015, eq. 10), with fan_out the
    backward pass keeps its variance (eq. 14).

    `gain` None takes the activation's (sqrt 2 for ReLU; eq. 15 counts a leaky slope).
    """

    mode: str = "fan_in"
    gain: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check("init.mode", self.mode)
        check("init.gain", self.gain)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        fan = fan_in if self.mode == "fan_in" else fan_out
        return chosen_gain(self.gain, gain) / math.sqrt(fan)

    def __str__(self) -> str:
        return f"kaiming {self.distribution}, {self.mode}, {gain_label(self.gain)}"


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
