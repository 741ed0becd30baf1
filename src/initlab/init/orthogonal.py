"""Weights that rotate and never squeeze."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.checks.rules import check
from initlab.init.scheme import Scheme, chosen_gain, gain_label


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Scheme):
    """gain Q with orthonormal rows (columns, if there are more rows): every singular value is `gain`, so a
    deep linear network keeps all directions of its gradient (Saxe et al. 2014).

    Q is uniform over such matrices: QR of a normal matrix, signs fixed by R's diagonal (Mezzadri 2007,
    section 5). `gain` None takes the activation's. An entry has variance gain^2 / max(fan_in, fan_out).

    A convolution's matrix is [outputs, inputs x taps]. With `delta` Q fills the middle of its kernel and the rest is 0,
    which keeps the norm of a padded image, for at least as many outputs as inputs (Xiao et al. 2018, section 3.3).
    """

    entries: ClassVar[str] = "orthogonal"
    by_shape: ClassVar[bool] = True

    gain: float | None = None
    delta: bool = False

    def __post_init__(self) -> None:
        check("init.gain", self.gain)
        check("init.delta", self.delta)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        fan_out, fan_in = weight.shape
        tall = torch.empty_like(weight).normal_(generator=generator)
        if fan_out < fan_in:
            tall = tall.T
        Q, R = torch.linalg.qr(tall)
        Q = Q * R.diagonal().sign()
        weight.copy_(Q.T if fan_out < fan_in else Q).mul_(chosen_gain(self.gain, gain))

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return chosen_gain(self.gain, gain) / math.sqrt(max(fan_in, fan_out))

    def centred(self) -> bool:
        return self.delta

    def why_not(self, layer: nn.Module, outputs: int, inputs: int) -> str:
        if self.delta and isinstance(layer, nn.modules.conv._ConvNd) and outputs < inputs:
            return f"init.delta=true keeps a norm with at least as many outputs as inputs, not {inputs} to {outputs}"
        return ""

    def __str__(self) -> str:
        return f"{'delta-' if self.delta else ''}orthogonal, {gain_label(self.gain)}"
