"""One tensor of a layer by a scheme: filled, and with which std."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.init.layers import Block, Slot
from initlab.init.scheme import Scheme


def matrices(scheme: Scheme, slot: Slot, tensor: Tensor) -> Iterator[Block]:
    """Those that the scheme fills in a weight."""
    assert slot.blocks is not None
    for block in slot.blocks(tensor):
        if scheme.centred() and block.centre is not None:
            yield Block(block.centre, block.centre.shape[1], block.centre.shape[0])
        else:
            yield block


def fill(scheme: Scheme, slot: Slot, tensor: Tensor, gain: float, generator: torch.Generator | None) -> None:
    """A tensor of zeros: matrix after matrix. A scheme takes the fans from the shape of a matrix; where those of the
    layer are others, what it drew is scaled to their std."""
    if slot.blocks is None:
        scheme.bias_(tensor.view(-1), slot.fan_in, generator)
        return
    for block in matrices(scheme, slot, tensor):
        outputs, inputs = shape(block)
        drawn = torch.empty(outputs, inputs, dtype=tensor.dtype, device=tensor.device)
        scheme.weight_(drawn, gain, generator)
        own = scheme.weight_std(inputs, outputs, gain)
        if (inputs, outputs) != (block.fan_in, block.fan_out) and own > 0:
            drawn.mul_(_std(scheme, block, gain) / own)
        block.view.copy_(drawn.view(block.view.shape))


def promised_std(scheme: Scheme, slot: Slot, tensor: Tensor, gain: float) -> float:
    """Of the entries that `fill` draws."""
    if slot.blocks is None:
        return scheme.bias_std(slot.fan_in)
    parts = [(block.view.numel(), _std(scheme, block, gain)) for block in matrices(scheme, slot, tensor)]
    return math.sqrt(sum(n * std**2 for n, std in parts) / sum(n for n, _ in parts))


def std_of_drawn(scheme: Scheme, slot: Slot, tensor: Tensor) -> float:
    """Of the same entries as they are."""
    parts = [tensor] if slot.blocks is None else [block.view for block in matrices(scheme, slot, tensor)]
    entries = parts[0] if len(parts) == 1 else torch.cat([part.flatten() for part in parts])
    return float(entries.detach().double().std(correction=0))


def shape(block: Block) -> tuple[int, int]:
    """Rows, columns of the matrix."""
    return len(block.view), block.view[0].numel()


def _std(scheme: Scheme, block: Block, gain: float) -> float:
    outputs, inputs = shape(block)
    return scheme.weight_std(*((inputs, outputs) if scheme.by_shape else (block.fan_in, block.fan_out)), gain)
