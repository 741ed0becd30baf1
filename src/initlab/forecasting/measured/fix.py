"""The smallest change after which the rule says that a measured network trains: each is made and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from torch import nn

from initlab.batch import Batch, batch_for
from initlab.errors import UserError
from initlab.forecasting.measured.branches import last_of_branches, scale
from initlab.forecasting.rule import TRAINS, Verdict
from initlab.measurement import Loss, Measurement, Redraw, draw_again, measure_module
from initlab.nn import Linear
from initlab.numbers import listed

DRAWS = 2  # of each change
SCHEMES = ("kaiming", "xavier", "orthogonal")
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}  # by dimensions of space


@dataclass(frozen=True)
class NetworkFix:
    """says: the change; verdict: the rule's, on what was measured with it made."""

    says: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.says} ({self.verdict.headline}: {self.verdict.why})"


Judge = Callable[[Measurement, Redraw, str], Verdict]  # of what was measured with weights so drawn, and an optimiser
Change = tuple[str, Redraw, str]  # in words; how the weights are drawn then, and the network rebuilt; the optimiser


def fix_of(
    module: nn.Module, given: Any, loss: Loss, redraw: Redraw, kind: str, seed: int, found: Measurement, judge: Judge
) -> NetworkFix | None:
    """The first that helps, the smallest change first; None: none of them does.

    Other weights, by He, Glorot, orthogonal; residual branches scaled by 1 / sqrt(their number); LSUV; Adam; a
    normalisation behind each convolution and dense layer but the last.

    given: the batch; found: what was measured without a change.
    """
    batch = batch_for(module, given)
    for says, drawn, optimizer in _changes(module, batch, redraw, kind, seed):
        after = found
        if optimizer == kind:
            try:
                after = measure_module(module, given, loss, draws=DRAWS, redraw=drawn, seed=seed)
            except Exception:  # this module cannot have it
                continue
        verdict = judge(after, drawn, optimizer)
        if verdict.word == TRAINS:
            return NetworkFix(says, verdict)
    return None


def _changes(module: nn.Module, batch: Batch, redraw: Redraw, kind: str, seed: int) -> Iterator[Change]:
    number = count()

    def first(part: nn.Module) -> None:
        """The weights as they are to be drawn, before the change."""
        if redraw is not None:
            draw_again(part, redraw, batch, next(number), seed, lambda text: None)

    def scaled(part: nn.Module) -> None:
        first(part)
        for layer in lasts:
            scale(layer, len(lasts) ** -0.5)

    def normalised(part: nn.Module) -> None:
        first(part)
        _normalise(part)

    for name in SCHEMES:
        yield f'initlab.initialize(net, "{name}")', name, kind
    lasts: list[nn.Module] = []
    with suppress(Exception):  # of a module that does not run with a layer silenced
        lasts = last_of_branches(module, batch)
    lasts = [layer for layer in lasts if not isinstance(layer, (nn.RNNBase, nn.RNNCellBase))]
    if len(lasts) > 1:
        names = {layer: name for name, layer in module.named_modules()}
        some = listed((names[one] for one in lasts), 4)
        yield (
            f"the last layer of each of its {len(lasts)} residual branches ({some}) times 1 / sqrt({len(lasts)})",
            scaled,
            kind,
        )
    yield 'initlab.initialize(net, "lsuv", batch=X)', "lsuv", kind
    if kind == "sgd":
        yield "Adam instead of SGD", redraw, "adam"
    yield (
        "batch normalisation behind each convolution, layer normalisation behind each dense layer, but for the last",
        normalised,
        kind,
    )


def _normalise(module: nn.Module) -> None:
    """In the order in which they are registered; the last one is the output layer."""
    found = [
        (parent, name, layer)
        for parent in module.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, (nn.Linear, Linear, *CONVOLUTIONS)) and not isinstance(parent, nn.MultiheadAttention)
    ]
    if len(found) < 2:
        raise UserError("no layer to normalise")
    for parent, name, layer in found[:-1]:
        if isinstance(layer, CONVOLUTIONS):
            norm = NORMS[len(layer.kernel_size)](layer.out_channels)
        else:
            norm = nn.LayerNorm(layer.weight.shape[0])
        setattr(parent, name, nn.Sequential(layer, norm.to(layer.weight)))
