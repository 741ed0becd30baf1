"""Mean and std of layers that run within a compiled graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from initlab.monitor.sample import Sample

WHAT = ("n", "sum", "square", "bad")


class CompiledProbe:
    """Hooks that become part of the graph, so that nothing breaks it: `fullgraph=True` compiles with 0 graph breaks.

    A graph is made at its first call, also one for another shape, and does not see hooks that come later. So these are
    there during every batch, and between batches there are none. They write entries, sum, sum of squares and the number
    of nan and inf of every call into a row of one small buffer, which is read at sampled steps. Within a compiled graph
    there is no more than that: no extremes, dead units, histograms or gradients with respect to outputs. Parameters are
    watched as always.
    """

    def __init__(self, layers: Mapping[str, nn.Module], device: torch.device) -> None:
        wide = torch.float32 if device.type == "mps" else torch.float64
        self._layers = dict(layers)
        self._buffer = torch.zeros(len(layers), len(WHAT), dtype=wide, device=device)
        self._hooks = [self._hook(i, module) for i, module in enumerate(layers.values())]
        self._handles: list[RemovableHandle] = []

    def attach(self) -> None:
        """What an earlier batch left does not count: it may call a layer that this one does not."""
        self.detach()
        self._buffer.zero_()
        for module, hook in zip(self._layers.values(), self._hooks, strict=True):
            self._handles.append(module.register_forward_hook(hook))

    def _hook(self, index: int, watched: nn.Module) -> Callable[..., None]:
        buffer, wide = self._buffer, self._buffer.dtype

        def write(module: nn.Module, inputs: Any, output: Any) -> None:
            x = _first_tensor(output)
            if module is watched and x is not None and x.is_floating_point():  # a copy has the hooks, too
                x = x.detach()
                bad = x.numel() - torch.isfinite(x).sum(dtype=wide)
                buffer[index, 0] = x.numel()
                buffer[index, 1] = x.sum(dtype=wide)
                buffer[index, 2] = x.to(wide).square().sum()
                buffer[index, 3] = bad

        return write

    def read(self, sample: Sample) -> None:
        """Put what the latest forward left into the sample; layers that never ran have 0 entries."""
        for name, row in zip(self._layers, self._buffer.clone().unbind(), strict=True):
            sample.layers.append(name)
            for what, value in zip(WHAT, row.unbind(), strict=True):
                sample.added[name, what] = value

    def detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


def _first_tensor(output: Any) -> Tensor | None:
    """Only what torch's compiler follows without a break."""
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (tuple, list)):
        return next((part for part in output if isinstance(part, Tensor)), None)
    return output if isinstance(output, Tensor) else None
