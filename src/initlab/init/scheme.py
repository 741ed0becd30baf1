"""What every initialisation scheme can do."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.nn import Linear

Dense = Linear | nn.Linear


@dataclass(frozen=True, kw_only=True)
class Scheme(ABC):
    """A rule that fills the weight [fan_out, fan_in] of one dense layer, and the std it promises. Weights of other
    layers are such matrices too (`initlab.init.layers`); where their fans are not their shape, the std is by fans.

    `gain` is that of the model's activation, 1 for a linear model; a scheme whose paper knows no gain ignores
    it. Tensors are filled in place, so call under `torch.no_grad()` with parameters. `generator` None means
    torch's global one. `str(scheme)` is a short label for tables.

    entries: how the numbers of one weight hang together, which decides what can be said of a network before it is
        drawn: "independent" of mean 0; "orthogonal" rows or columns; "alike", all the same; "zero"; "fixed", not
        drawn at all.
    unit_signal: `fit_` scales each layer, after the draw, until its output has std 1 on real data.
    by_place: `at` or `step_size` depends on where a layer stands in the forward pass.
    by_shape: the std follows the rows and columns of the matrix, whatever the fans of its layer.
    """

    entries: ClassVar[str] = "independent"
    unit_signal: ClassVar[bool] = False
    by_place: ClassVar[bool] = False
    by_shape: ClassVar[bool] = False

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        """Fill one weight: independent normal draws of the promised std unless the scheme says otherwise."""
        fan_out, fan_in = weight.shape
        weight.normal_(0, self.weight_std(fan_in, fan_out, gain), generator=generator)

    @abstractmethod
    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        """Expected standard deviation of the entries of one weight, about their mean."""

    def excess_kurtosis(self, fan_in: int, fan_out: int) -> float:
        """E[w^4] / E[w^2]^2 - 3 of the entries: 0 for a normal distribution, -1.2 for a uniform one."""
        return 0.0

    def bias_(self, bias: Float[Tensor, "outputs"], fan_in: int, generator: torch.Generator | None) -> None:
        """Fill one bias: zeros unless the scheme says otherwise."""
        bias.zero_()

    def bias_std(self, fan_in: int) -> float:
        """Expected standard deviation of the entries of one bias."""
        return 0.0

    def bias_excess_kurtosis(self) -> float:
        """The same of one bias."""
        return 0.0

    def at(self, layer: int, layers: int) -> "Scheme":
        """The scheme for dense layer number `layer` of a network that has `layers`: itself, unless it tells them
        apart."""
        return self

    def centred(self) -> bool:
        """Whether it fills only the middle of a convolution's kernel, the rest of which is 0."""
        return False

    def why_not(self, layer: nn.Module, outputs: int, inputs: int) -> str:
        """Why it has no weights of this size for such a layer; "" where it has."""
        return ""

    def step_size(self, layer: int, layers: int, fan_in: int, fan_out: int, kind: str, *, bias: bool) -> float:
        """Factor on lr for a weight or bias of layer number `layer`; `kind`: "adam" for an optimiser whose step does
        not shrink with the gradient, else "sgd"."""
        return 1.0

    def notes(self, widths: Sequence[int], kind: str, report: Sequence[object]) -> list[str]:
        """What it came to in a network of these widths, a line each for the terminal; `report`: what `fit_` gave."""
        return []

    def fit_(self, model: nn.Module, batch: Any) -> Sequence[object]:
        """Rescale what was drawn using a batch of inputs, if the scheme does that (LSUV); a line per layer."""
        return ()


def chosen_gain(given: float | None, of_activation: float) -> float:
    """A gain of None follows the model's activation."""
    return of_activation if given is None else given


def gain_label(given: float | None) -> str:
    return "gain of the activation" if given is None else f"gain {given:.3g}"


def uniform_(tensor: Tensor, bound: float, generator: torch.Generator | None) -> Tensor:
    """Fill from U(-bound, bound): bound (2 Phi(z) - 1) = bound erf(z / sqrt 2), from the normal numbers z that every
    scheme draws.

    One seed gives one list of them, whatever the scheme. So two schemes of one seed differ by the scheme alone, and
    their difference over some seeds varies less (common random numbers; Law 2015, Simulation Modeling and Analysis,
    section 11.2).
    """
    return tensor.normal_(generator=generator).mul_(math.sqrt(0.5)).erf_().mul_(bound)
