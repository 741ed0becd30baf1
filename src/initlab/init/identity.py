"""Weights that hand the input on."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.init.scheme import Scheme


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
