"""Hidden units that are copies of each other."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from initlab.diagnosis.outline import weights_of
from initlab.numbers import plain_name

# float32 products of equal rows may be summed in different orders: equal to about 1e-6 of their size after some steps.
ALIKE = 1e-5


@torch.no_grad()
def alike_layers(model: torch.nn.Module, layers: Iterable[str]) -> list[str]:
    """Those of the named layers whose weight [units, ...] has the same row for every unit: they compute one unit many
    times over, and as their gradients are equal too they never part (d2l 5.4.1.3). Not judged is a weight that is
    computed from several parameters. One wait for the device."""
    modules = {plain_name(path): module for path, module in model.named_modules()}
    names, spreads = [], []
    for name in layers:
        weights = weights_of(modules.get(name))
        if len(weights) == 1 and len(weights[0]) > 1 and weights[0].requires_grad:
            rows = weights[0].detach().flatten(1)
            rows = torch.view_as_real(rows).flatten(1) if rows.is_complex() else rows.float()
            names.append(name)
            spreads.append(((rows - rows[0]).abs().max() <= ALIKE * rows.abs().max()).cpu())
    return [name for name, alike in zip(names, spreads, strict=True) if alike]
