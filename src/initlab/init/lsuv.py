"""Weights scaled until real data come out of every layer with std 1."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.batch import batch_for
from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.init.forward_pass import only_looking
from initlab.init.layers import is_layer
from initlab.init.orthogonal import Orthogonal
from initlab.init.parametrized import parameters_of, read, write
from initlab.init.scheme import Scheme

SHOWN = 6  # layers in the line about them


@dataclass(frozen=True)
class Scaled:
    """What became of one layer: the std of its output as drawn and in the end, and the factor on its weights."""

    name: str
    std_before: float
    std: float
    factor: float


@dataclass(frozen=True, kw_only=True)
class LSUV(Scheme):
    """Layer-sequential unit variance (Mishkin and Matas 2016): orthonormal weights, biases 0, then from the first layer
    to the last each weight is divided by the std of its layer's output (the pre-activation, over units and a batch)
    until that is within `tolerance` of 1, at most `max_iterations` times.

    A layer without bias is there after one division; more are for layers whose output is not linear in the weight.
    """

    unit_signal: ClassVar[bool] = True
    by_shape: ClassVar[bool] = True

    tolerance: float = 0.01
    max_iterations: int = 10

    def __post_init__(self) -> None:
        check("init.tolerance", self.tolerance)
        check("init.max_iterations", self.max_iterations)

    def weight_(self, weight: Float[Tensor, "outputs inputs"], gain: float, generator: torch.Generator | None) -> None:
        Orthogonal(gain=1.0).weight_(weight, 1.0, generator)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        """nan: the data decide it."""
        return math.nan

    def fit_(self, model: nn.Module, batch: Any) -> list[Scaled]:
        """Scale in one forward pass: each layer is rescaled as it is reached, before the next one sees its output. Of
        an attention that is its output projection; recurrent layers, whose output is bounded, stay as drawn."""
        report: list[Scaled] = []
        reached: set[int] = set()  # by their memory, weights that are done

        def set_right(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            scaled = layer.out_proj if isinstance(layer, nn.MultiheadAttention) else layer
            name, weight = names[layer], read(scaled, "weight")
            if weight.data_ptr() in reached or not all(
                p.requires_grad for p in parameters_of(scaled, "weight").values()
            ):
                return None  # a shared layer, called again
            reached.add(weight.data_ptr())
            before, factor = _std(name, first(output)), 1.0
            std = before
            for _ in range(self.max_iterations):
                if abs(std - 1) <= self.tolerance:
                    break
                write(scaled, "weight", read(scaled, "weight") / std)
                factor /= std
                output = layer.forward(*args, **kwargs)  # not layer(): this hook would be called again
                std = _std(name, first(output))
            report.append(Scaled(name, before, std, factor))
            return output

        def first(output: Any) -> Tensor:
            return output[0] if isinstance(output, tuple) else output

        given = batch_for(model, batch).copied()
        recurrent = (nn.RNNBase, nn.RNNCellBase)
        names = {m: name for name, m in model.named_modules() if is_layer(m) and not isinstance(m, recurrent)}
        hooks = [layer.register_forward_hook(set_right, with_kwargs=True) for layer in names]
        try:
            with only_looking(model):
                given.pass_through(model)
        finally:
            for hook in hooks:
                hook.remove()
        return report

    def notes(self, widths: Sequence[int], kind: str, report: Sequence[object]) -> list[str]:
        done = [one for one in report if isinstance(one, Scaled)]
        if not done:
            return []
        shown = done if len(done) <= SHOWN else [*done[: SHOWN - 1], done[-1]]
        cut = ["..."] if len(done) > SHOWN else []
        before, factors = ([f"{getattr(one, field):.3g}" for one in shown] for field in ("std_before", "factor"))
        off = max(abs(one.std - 1) for one in done)
        return [
            f"lsuv      std of the layers' outputs as drawn {_row(before, cut)}; weights times {_row(factors, cut)}; "
            f"now within {off:.1%} of 1"
        ]

    def __str__(self) -> str:
        return "lsuv"


def _row(words: list[str], cut: list[str]) -> str:
    return ", ".join([*words[:-1], *cut, words[-1]])


def _std(name: str, z: Tensor) -> float:
    std = float(z.double().std())
    if std > 0 and math.isfinite(std):
        return std
    raise UserError(
        f"init=lsuv: the output of {name} has std {std:g} over the first batch, so no factor makes it 1; "
        "look for inputs that are constant, nan or inf, or take another init, such as init=kaiming"
    )
