"""The maximal update parametrisation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import nn

from initlab.checks.rules import check
from initlab.init.scheme import Dense, Scheme, chosen_gain, gain_label


@dataclass(frozen=True, kw_only=True)
class MuP(Scheme):
    """Variance gain^2 / fan_in in every layer but the last, whose std is smaller by sqrt(base_width / fan_in): outputs
    of variance that falls as 1 / width, so that training and not chance decides them (Yang et al. 2022, table 3).

    At `base_width` it is Kaiming's. The step sizes belong to it, so that an lr found on a narrow network serves a wide
    one: with r = width / base_width, for SGD lr r in the first layer and for all hidden biases, lr / r in the last
    layer; for Adam lr / r in the hidden layers and the last. `initlab.init.with_step_sizes` gives them to an
    optimiser, with weight decays that keep lr weight_decay.
    """

    by_place: ClassVar[bool] = True

    base_width: int = 256
    gain: float | None = None
    readout: bool = False

    def __post_init__(self) -> None:
        check("init.base_width", self.base_width)
        check("init.gain", self.gain)

    def at(self, layer: int, layers: int) -> "MuP":
        last = layer == layers - 1 and layers > 1
        return MuP(base_width=self.base_width, gain=self.gain, readout=last)

    def weight_std(self, fan_in: int, fan_out: int, gain: float) -> float:
        std = chosen_gain(self.gain, gain) / math.sqrt(fan_in)
        return std * math.sqrt(self.base_width / fan_in) if self.readout else std

    def why_not(self, layer: nn.Module, outputs: int, inputs: int) -> str:
        return "" if isinstance(layer, Dense) else "its learning rates are for dense layers alone"

    def step_size(self, layer: int, layers: int, fan_in: int, fan_out: int, kind: str, *, bias: bool) -> float:
        last = layer == layers - 1
        if layers == 1 or (bias and (last or kind == "adam")):
            return 1.0
        if kind == "adam":
            return 1.0 if layer == 0 else self.base_width / fan_in
        if bias or layer == 0:
            return fan_out / self.base_width
        return self.base_width / fan_in if last else 1.0

    def notes(self, widths: Sequence[int], kind: str, report: Sequence[object]) -> list[str]:
        sizes = list(pairwise(widths))
        weights = [self.step_size(i, len(sizes), *size, kind, bias=False) for i, size in enumerate(sizes)]
        if set(weights) == {1.0}:
            return [f"mup       every layer at lr: its width is the base width, {self.base_width}, or it has no other"]
        runs: list[tuple[str, int]] = []
        for factor in (f"{factor:.3g}" for factor in weights):
            runs = [*runs[:-1], (factor, runs[-1][1] + 1)] if runs and runs[-1][0] == factor else [*runs, (factor, 1)]
        shown = ", ".join(factor if count == 1 else f"{factor} ({count} layers)" for factor, count in runs)
        optimizer = "Adam" if kind == "adam" else "SGD"
        return [
            f"mup       lr of the weights, first layer to last, times {shown} ({optimizer}, base {self.base_width})"
        ]

    def __str__(self) -> str:
        return f"mup, base width {self.base_width}, {gain_label(self.gain)}"
