"""What every initialisation scheme can do."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Scheme(ABC):
    """A rule that fills the weight [fan_out, fan_in] of one dense layer, and the std it promises.

    `gain` is that of the model's activation, 1 for a linear model; a scheme whose paper knows no gain ignores
    it. Tensors are filled in place, so call under `torch.no_grad()` with parameters. `generator` None means
    torch's global one. `str(scheme)` is a short label for tables.

    entries: how the numbers of one weight hang together, which decides what can be said of a network before it is
        drawn: "independent" of mean 0; "orthogonal" rows or columns; "alike", all the same; "fixed", not drawn at all.
    unit_signal: the scheme looks at data and scales each layer to an output of std 1.
    """

    entries: ClassVar[str] = "independent"
    unit_signal: ClassVar[bool] = False

    @abstractmethod
    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        """Fill one weight."""

    @abstractmethod
    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        """Expected standard deviation of the entries of one weight, about their mean."""

    def bias_(self, bias: Float[Tensor, "outputs"], fan_in: int, generator: torch.Generator | None) -> None:
        """Fill one bias: zeros unless the scheme says otherwise."""
        bias.zero_()

    def bias_std(self, fan_in: int) -> float:
        """Expected standard deviation of the entries of one bias."""
        return 0.0


def chosen_gain(given: float | None, of_activation: float) -> float:
    """A gain of None follows the model's activation."""
    return of_activation if given is None else given


def gain_label(given: float | None) -> str:
    return "gain of the activation" if given is None else f"gain {given:.3g}"
