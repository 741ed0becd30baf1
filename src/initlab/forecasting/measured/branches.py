"""Where a network has residual branches, found by trying: what passes a layer by when that layer gives nothing?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise

import torch
from torch import nn

from initlab.batch import Batch
from initlab.forecasting.measured.rule import LAYER_NORMS
from initlab.measurement import OUTPUT, layers_of, pass_forward, untouched

ROWS = 2  # of the batch: enough to see whether an output depends on the input
CONSTANT = 1e-10  # 1 - similarity; equal rows come out equal but for rounding
MOST = 120  # layers that are tried, a forward pass each


def last_of_branches(module: nn.Module, batch: Batch) -> list[nn.Module]:
    """The layer at the end of each branch, in order of execution: what it gives is added to a way around the branch.

    A layer whose weights and biases are 0 gives the same for every input. If the output of the network still depends
    on the input, a way leads around the layer; layers behind it that do not are in its branch, and the last such layer
    ends the branch. Of two ways that carry a block only together, as those of a block with a projection, the shorter
    one is the way around.
    """
    with untouched(module):
        return _Trial(module, batch.first(ROWS)).last_of_branches()


def normalises_its_whole_signal(module: nn.Module, batch: Batch) -> bool:
    """Whether more than one LayerNorm has no way around it, as in a post-LN transformer; a pre-LN one has its last."""
    with untouched(module):
        return _Trial(module, batch.first(ROWS)).normalises_all()


class _Trial:
    def __init__(self, module: nn.Module, batch: Batch) -> None:
        self._module, self._batch, self._layers = module, batch, layers_of(module)
        found = pass_forward(module, batch)
        self._alive = [name for name, figures in found.items() if not _is_constant(figures)]

    def last_of_branches(self) -> list[nn.Module]:
        own = [name for name in self._alive if name in self._layers and name != OUTPUT and self._parameters(name)]
        if not 1 < len(own) <= MOST:
            return []
        end = OUTPUT if OUTPUT in self._alive else self._alive[-1]
        silenced = {name: self._silenced_by([name]) for name in own}
        bypassed = [name for name in own if end not in silenced[name]]
        lasts = [name for name in bypassed if not silenced[name] & set(bypassed) - {name}]
        length = {last: sum(last in silenced[name] for name in bypassed) for last in lasts}
        around = set()
        for one, other in pairwise(lasts):
            if length[one] != length[other] and end in self._silenced_by([one, other]):
                around.add(min(one, other, key=length.__getitem__))
        return [self._layers[last] for last in lasts if last not in around]

    def normalises_all(self) -> bool:
        norms = [
            name for name in self._alive if name in self._layers and type(self._layers[name]).__name__ in LAYER_NORMS
        ]
        end = OUTPUT if OUTPUT in self._alive else self._alive[-1]
        without_a_way_around = (name for name in norms if self._parameters(name) and end in self._silenced_by([name]))
        return len(list(islice(without_a_way_around, 2))) > 1

    def _parameters(self, name: str) -> list[nn.Parameter]:
        return list(self._layers[name].parameters())

    @torch.no_grad()
    def _silenced_by(self, names: Sequence[str]) -> set[str]:
        """What no longer depends on the input when the parameters of these layers are 0."""
        kept = [(p, p.clone()) for name in names for p in self._parameters(name)]
        for p, _ in kept:
            p.zero_()
        found = pass_forward(self._module, self._batch)
        for p, numbers in kept:
            p.copy_(numbers)
        return {name for name in self._alive if _is_constant(found.get(name, {}))}


def _is_constant(figures: Mapping[str, float]) -> bool:
    return figures.get("std") == 0 or 1 - figures.get("similarity", math.nan) < CONSTANT


@torch.no_grad()
def scale(layer: nn.Module, factor: float) -> None:
    """Make what it gives `factor` times as large."""
    target = layer.out_proj if isinstance(layer, nn.MultiheadAttention) else layer
    for p in target.parameters():
        p.mul_(factor)
