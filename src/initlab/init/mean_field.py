"""Weights by width and biases of one size, the two numbers of the mean-field theory; and its edge of chaos."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.init.scheme import Scheme
from initlab.theory.critical import CriticalPoint, NotCriticalError, critical_point
from initlab.theory.elementwise import Elementwise, elementwise


class SigmaScheme(Scheme):
    """W_ij ~ N(0, sigma_w^2 / fan_in), b_i ~ N(0, sigma_b^2)."""

    sigma_w: float
    sigma_b: float

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        return self.sigma_w / math.sqrt(fan_in)

    def bias_(self, bias: Float[Tensor, "outputs"], fan_in: int, generator: torch.Generator | None) -> None:
        bias.normal_(0, self.sigma_b, generator=generator)

    def bias_std(self, fan_in: int) -> float:
        return self.sigma_b


@dataclass(frozen=True, kw_only=True)
class MeanField(SigmaScheme):
    """W_ij ~ N(0, sigma_w^2 / fan_in), b_i ~ N(0, sigma_b^2): the plane of ordered and chaotic networks (Poole et al.
    2016; Schoenholz et al. 2017). `Critical` is the point of it at which a signal neither fades nor grows."""

    sigma_w: float = 1.0
    sigma_b: float = 0.0

    def __post_init__(self) -> None:
        check("init.sigma_w", self.sigma_w)
        check("init.sigma_b", self.sigma_b)

    def __str__(self) -> str:
        return f"mean field, sigma_w {self.sigma_w:.3g}, sigma_b {self.sigma_b:.3g}"


@dataclass(frozen=True, kw_only=True)
class Critical(SigmaScheme):
    """W_ij ~ N(0, sigma_w^2 / fan_in), b_i ~ N(0, sigma_b^2) with the sigmas at which the gradient of `activation`
    neither fades nor grows, chi_1 = 1, at a signal E[z^2] = q that stays; see `initlab.theory.critical`.

    `q` None takes the smallest from 0.5 on that has such a point. ReLU: sigma_w^2 = 2, no bias, at any q, as Kaiming.
    Functions of your own come as `activation=elementwise(f)`.

    Raises:
        UserError: where there is no such point.
    """

    activation: str | Elementwise
    q: float | None = None

    def __post_init__(self) -> None:
        check("init.q", self.q)
        _ = self.point

    @cached_property
    def point(self) -> CriticalPoint:
        try:
            return critical_point(elementwise(self.activation), self.q)
        except NotCriticalError as none:
            there = "" if self.q is None else "; init.q=null looks for the nearest that there is"
            raise UserError(f"init=critical: {none}{there}") from None

    @property
    def sigma_w(self) -> float:  # type: ignore[override]
        return self.point.sigma_w

    @property
    def sigma_b(self) -> float:  # type: ignore[override]
        return self.point.sigma_b

    def notes(self, widths: Sequence[int], kind: str, report: Sequence[object]) -> list[str]:
        if len(widths) < 3:
            return []
        from initlab.theory.reach import DEEPEST, reach

        xi = self.point.depth_scale
        back = (
            "stays at the size it has" if xi == math.inf else f"is back within xi = {xi:.2g} layers for 1/e of the way"
        )
        deep = reach(self, elementwise(self.activation), max(widths[1:-1]), kind)
        carries = f"at least {DEEPEST}" if deep == DEEPEST else f"{deep}"
        return [
            f"critical  chi_1 = {self.point.chi:.4f} at q* = {self.point.q:.3g}; a signal of another size {back}; "
            f"carries {carries} layers of {max(widths[1:-1])} units"
        ]

    def __str__(self) -> str:
        name = self.activation if isinstance(self.activation, str) else self.activation.name
        return f"critical for {name}, sigma_w {self.point.sigma_w:.3g}, sigma_b {self.point.sigma_b:.3g}"
