"""The hooks of one sampled step: what every layer puts out, and the gradient with respect to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from initlab.monitor import kernels
from initlab.monitor.budget import Stopwatch
from initlab.monitor.sample import Sample
from initlab.monitor.saturation import Saturation, saturation_of

MAX_CALLS = 8  # of one module in one step that are told apart; the second is called `<layer>#2`
PER_UNIT = {"min", "max", "dead", "histogram"}
FEATURES_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase)
CHANNELS_SECOND = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)


class LayerProbe:
    """Hooks that fill a `Sample` while the model runs forward and backward; there are none before `attach` and none
    after `detach`.

    They only read: what a layer puts out is looked at before the next layer can overwrite it, and the input of an
    activation before an in-place one does. A layer that gives a tuple is taken by its first tensor. Calls within
    a backward (activation checkpointing) are left out.

    Gradients come from autograd's hooks on the outputs, or, of a model that has none because it computes its gradients
    itself, from its list `gradient_hooks`, whose entries it calls with (layer, gradient).

    A unit is a feature (last dimension) behind Linear, LayerNorm and the like, a channel (dimension 1) behind
    convolutions and batch norm; any other layer is taken to have units where the layer before it has them, if
    their outputs have as many dimensions, else the last, or dimension 1 of four or more.
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        quantities: frozenset[str],
        watch: Stopwatch,
        gradient_hooks: list[Callable[[nn.Module, Tensor], None]] | None = None,
    ) -> None:
        self._quantities = quantities
        self._watch = watch
        self._names = {module: name for name, module in layers.items()}
        self._gradient_hooks = gradient_hooks
        self._saturation: dict[str, Saturation] = {}
        if "saturated" in quantities:
            found = {name: saturation_of(module) for name, module in layers.items()}
            self._saturation = {name: s for name, s in found.items() if s is not None}
        self._hooks = {full: [(m, self._after(name, full)) for name, m in layers.items()] for full in (False, True)}
        self._pre_hooks = [(layers[name], self._before(name)) for name in self._saturation]
        self._handles: list[RemovableHandle] = []
        self._gradient_handles: list[RemovableHandle] = []
        self._attached: bool | None = None  # which hooks there are: full, cheap, none
        self._sample: Sample
        self.paused = False

    def attach(self, sample: Sample, full: bool) -> None:
        self._sample = sample
        self._calls: Counter[str] = Counter()
        self._saturated: dict[str, kernels.Number] = {}  # by layer, between the call and the return of it
        self._last = (0, -1)  # dimensions of the output before, and which of them numbers the units
        self.paused = False
        if self._attached is full:
            return
        self.detach()
        self._attached = full
        self._handles += [module.register_forward_hook(hook) for module, hook in self._hooks[full]]
        if full:
            self._handles += [module.register_forward_pre_hook(hook) for module, hook in self._pre_hooks]
            if self._gradient_hooks is not None and "grad_std" in self._quantities:
                self._gradient_hooks.append(self._announced)

    def rest(self) -> None:
        """Between two steps that are both sampled the hooks stay, and do nothing."""
        self.paused = True
        for handle in self._gradient_handles:
            handle.remove()
        self._gradient_handles.clear()

    def detach(self) -> None:
        for handle in [*self._handles, *self._gradient_handles]:
            handle.remove()
        self._handles.clear()
        self._gradient_handles.clear()
        if self._gradient_hooks is not None and self._announced in self._gradient_hooks:
            self._gradient_hooks.remove(self._announced)
        self._attached = None

    def _before(self, name: str) -> Callable[..., None]:
        def look(module: nn.Module, inputs: Any) -> None:
            z: Any = inputs[0] if inputs else None
            if torch.compiler.is_compiling() or self.paused or not _is_signal(z):
                return
            with self._watch:
                self._saturated[name] = self._saturation[name].count(z.detach())

        return look

    def _after(self, name: str, full: bool) -> Callable[..., None]:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if torch.compiler.is_compiling() or self.paused:
                return
            output = first_tensor(output)
            if not _is_signal(output):
                return
            with self._watch:
                self._calls[name] += 1
                call = self._calls[name]
                if call <= MAX_CALLS:
                    self._take(name if call == 1 else f"{name}#{call}", name, module, output, full)

        return look

    def _take(self, layer: str, name: str, module: nn.Module, output: Tensor, full: bool) -> None:
        sample, x = self._sample, output.detach()
        sample.layers.append(layer)
        added = sample.added
        added[layer, "n"] = float(x.numel())
        added[layer, "sum"], added[layer, "square"], added[layer, "bad"] = kernels.sums(x)
        if not full:
            return
        if "active" in self._quantities:
            added[layer, "active"] = kernels.count(torch.gt, x, 0.0)
        if name in self._saturated:
            added[layer, "saturated"] = self._saturated.pop(name)
        if self._quantities & PER_UNIT:
            peaks = sample.largest[layer] = kernels.units(x, self._unit_dim(module, x))
            if "histogram" in self._quantities:
                high, low = peaks.amax(1).unbind()
                sample.own[layer, "high"], sample.own[layer, "low"] = high, -low
                sample.own[layer, "histogram"] = kernels.bins(x, -low, high)
        if "grad_std" in self._quantities and output.requires_grad:
            self._gradient_handles.append(output.register_hook(self._gradient(layer)))

    def _announced(self, module: nn.Module, gradient: Tensor) -> None:
        if module in self._names:
            self._gradient(self._names[module])(gradient)

    def _gradient(self, layer: str) -> Callable[[Tensor], None]:
        def look(gradient: Tensor) -> None:
            with self._watch:
                added = self._sample.added
                added[layer, "grad n"] = float(gradient.numel())
                added[layer, "grad sum"], added[layer, "grad square"], _ = kernels.sums(gradient.detach())

        return look

    def _unit_dim(self, module: nn.Module, x: Tensor) -> int:
        dims, dim = self._last
        if isinstance(module, FEATURES_LAST):
            dim = -1
        elif isinstance(module, CHANNELS_SECOND):
            dim = 1
        elif x.dim() != dims:
            dim = 1 if x.dim() >= 4 else -1
        dim = dim if -x.dim() <= dim < x.dim() else -1
        self._last = (x.dim(), dim)
        return dim


def first_tensor(output: Any) -> Any:
    if isinstance(output, (tuple, list)):
        return next((part for part in output if isinstance(part, Tensor)), None)
    return output


def _is_signal(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point() and x.numel() > 1 and not x.is_sparse
