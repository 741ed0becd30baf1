"""The initialisation of the maximal update parametrisation."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.init.scheme import Scheme, chosen_gain, gain_label
from initlab.rules import check


@dataclass(frozen=True, kw_only=True)
class MuP(Scheme):
    """Variance gain^2 / fan_in in every layer but the last, whose std is smaller by sqrt(base_width / fan_in): outputs
    of variance that falls as 1 / width, so that training and not chance decides them (Yang et al. 2022, table 3).

    At `base_width` it is Kaiming's. Only the initialisation: the step sizes that belong to it are for Adam lr / fan_in
    in hidden and last layer, for SGD lr fan_out in the first and lr / fan_in in the last; here all layers share one lr.
    """

    base_width: int = 256
    gain: float | None = None
    readout: bool = False

    def __post_init__(self) -> None:
        check("init.base_width", self.base_width)
        check("init.gain", self.gain)

    def at(self, layer: int, layers: int) -> "MuP":
        last = layer == layers - 1 and layers > 1
        return MuP(base_width=self.base_width, gain=self.gain, readout=last)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        fan_out, fan_in = weight.shape
        weight.normal_(0, self.weight_std(fan_in, fan_out, gain), generator=generator)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        std = chosen_gain(self.gain, gain) / math.sqrt(fan_in)
        return std * math.sqrt(self.base_width / fan_in) if self.readout else std

    def __str__(self) -> str:
        return f"mup, base width {self.base_width}, {gain_label(self.gain)}"
