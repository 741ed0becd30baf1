"""What every initialisation scheme can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.init.behind import traced
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
        drawn: "independent" of mean 0; "orthogonal" rows or columns; "alike", all the same; "fixed", not drawn at all.
    unit_signal: `fit_` scales each layer, after the draw, until its output has std 1 on real data.
    by_place: `at` or `step_size` depends on where a layer stands in the forward pass.
    by_shape: the std follows the rows and columns of the matrix, whatever the fans of its layer.
    """

    entries: ClassVar[str] = "independent"
    unit_signal: ClassVar[bool] = False
    by_place: ClassVar[bool] = False
    by_shape: ClassVar[bool] = False

    @abstractmethod
    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        """Fill one weight."""

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


def dense_layers(model: nn.Module, X: Any = None) -> list[tuple[str, Dense]]:
    """(name, layer) of every dense layer, ours or torch's, in the order of `model.named_modules()`; with inputs X in
    the order in which a forward pass first calls them, those it does not call last."""
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, Dense)]
    if X is None:
        return found
    order = traced(model, [layer for _, layer in found], X).order
    return sorted(found, key=lambda item: order.index(item[1]) if item[1] in order else len(found))


def layers_for(scheme: Scheme, model: nn.Module, batch: Callable[[], Any] | None = None) -> list[tuple[str, Dense]]:
    """The dense layers in the order that `scheme.at` counts them in: a forward pass is made only where it matters."""
    return dense_layers(model, batch() if batch is not None and scheme.by_place else None)


def chosen_gain(given: float | None, of_activation: float) -> float:
    """A gain of None follows the model's activation."""
    return of_activation if given is None else given


def gain_label(given: float | None) -> str:
    return "gain of the activation" if given is None else f"gain {given:.3g}"
