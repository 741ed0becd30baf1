"""Gradients, weights, and what the optimiser really did to them, of one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from initlab.monitor.budget import Stopwatch
from initlab.monitor.kernels import norm_square
from initlab.monitor.sample import Sample


class ParameterProbe:
    """Look at the weights before and after an optimiser's step.

    The update is w_after - w_before, measured, so it is exact for any optimiser, with momentum, weight decay and
    clipping in it. The gradient is the accumulated one that the optimiser gets, before clipping. A sampled step holds
    a second copy of the weights for the time of `optimizer.step()`, no other step does.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], quantities: frozenset[str], watch: Stopwatch) -> None:
        self._parameters = {name: p for name, p in parameters.items() if p.requires_grad}
        self._quantities = quantities
        self._watch = watch
        self._handle: RemovableHandle | None = None

    def look(self, sample: Sample, optimizer: Optimizer) -> None:
        """Before the step of this optimiser, with all gradients there; comes back by itself right after the step."""
        self.detach()
        if not self._parameters:
            return
        mine = {id(p) for group in optimizer.param_groups for p in group["params"]}
        before: dict[str, Tensor] = {}
        for name, p in self._parameters.items():
            if id(p) not in mine or p.grad is None or (name, "weight") in sample.own:
                continue
            sample.parameters.append(name)
            weight = p.detach()
            sample.own[name, "weight"] = norm_square(weight)
            if "grad_norm" in self._quantities:
                gradient = p.grad.detach()
                gradient = gradient.coalesce().values() if gradient.is_sparse else gradient
                sample.own[name, "gradient"] = norm_square(gradient)
            if "update_ratio" in self._quantities:
                before[name] = weight.clone()
        if before:
            self._handle = optimizer.register_step_post_hook(self._after(sample, before))

    def _after(self, sample: Sample, before: dict[str, Tensor]) -> Any:
        def compare(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            with self._watch:
                for name, old in before.items():
                    sample.own[name, "update"] = norm_square(old.sub_(self._parameters[name].detach()))
                before.clear()
                self.detach()

        return compare

    def detach(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
