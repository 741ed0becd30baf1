"""Gradients, weights, and what the optimiser really did to them, of one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from initlab.monitor.budget import Stopwatch
from initlab.monitor.guard import Guard
from initlab.monitor.kernels import norm_square
from initlab.monitor.sample import Sample


def held_by(*optimizers: Optimizer) -> set[int]:
    """The `id` of each parameter that one of them steps."""
    return {id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}


class ParameterProbe:
    """Looks at the weights before and after an optimiser's step; its hooks exist from `attach` to `detach`.

    The update is w_after - w_before of the first step in the sample that a parameter takes part in, measured, so it is
    exact for any optimiser, with momentum, weight decay and clipping in it, for one that evaluates the loss several
    times within a step (LBFGS), and for one that steps by way of another (SAM). The gradient is the accumulated one at
    the weights before the step: as Lightning hands it over, before clipping, or, of an optimiser that is stepped
    without Lightning's wrapper, as it was stepped with; of such a one with a closure, that of the closure's last call.
    A sampled step holds a second copy of the weights for the time of the step, no other step does.

    The hooks are torch's on all optimisers, of which those with watched parameters count.
    """

    def __init__(
        self,
        quantities: frozenset[str],
        watch: Stopwatch,
        guard: Guard,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        self._quantities = quantities
        self._watch = watch
        self._guard = guard
        self._ended = ended
        self._handles: list[RemovableHandle] = []
        self._before: dict[str, Tensor] = {}
        self._forget()

    def attach(self, sample: Sample, parameters: Mapping[str, nn.Parameter], automatic: bool) -> None:
        """`automatic`: Lightning calls `before_step` within each step, with the gradients there."""
        self.detach()
        self._sample, self._parameters, self._automatic = sample, parameters, automatic
        self._names = {id(p): name for name, p in parameters.items()}
        self._handles = [
            register_optimizer_step_pre_hook(self._begin),
            register_optimizer_step_post_hook(self._end),
        ]

    def detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._forget()

    def _forget(self) -> None:
        self._before = {}
        self._had_gradient: set[str] = set()
        self._steps: list[int] = []  # the optimisers that are stepping, the outermost first
        self.stepped = False  # whether a watched parameter took part in a step since `attach`

    def before_step(self, optimizer: Optimizer) -> None:
        """Lightning's `on_before_optimizer_step`."""
        if self._handles:
            self._look(self._of(optimizer), gradient=True)

    def _begin(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._ended():
            self.detach()
            return
        if id(optimizer) in self._steps:  # its last step ended in an error
            del self._steps[self._steps.index(id(optimizer)) :]
        self._steps.append(id(optimizer))
        with self._guard("looking at the weights before a step", self._before.clear):
            names = self._of(optimizer)
            self._had_gradient.update(name for name in names if self._parameters[name].grad is not None)
            self.stepped = self.stepped or bool(names)
            if len(self._steps) == 1 and not self._automatic:
                closure = len(args) > 1 or kwargs.get("closure") is not None
                self._look(names, gradient=not closure)

    def _end(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if id(optimizer) in self._steps:
            del self._steps[self._steps.index(id(optimizer)) :]
        if self._steps:
            return
        with self._guard("looking at the weights after a step", self._before.clear), self._watch:
            for name in self._of(optimizer):
                self._take_gradient(name)
                if name not in self._had_gradient:  # none came within the step either
                    self._sample.drop(name)
                elif name in self._before:
                    change = self._before.pop(name).sub_(self._parameters[name].detach())
                    self._sample.own[name, "update"] = norm_square(change)

    def _of(self, optimizer: Optimizer) -> list[str]:
        """Names of its parameters that are watched and train, in the order of the model."""
        mine = held_by(optimizer)
        return [name for name, p in self._parameters.items() if id(p) in mine and p.requires_grad]

    def _look(self, names: Iterable[str], gradient: bool) -> None:
        """`gradient`: those that are there are of the weights before the step."""
        with self._watch:
            for name in names:
                p, own = self._parameters[name], self._sample.own
                if (name, "update") in own or (gradient and p.grad is None):
                    continue
                if gradient:
                    self._take_gradient(name)
                if (name, "weight") not in own:
                    weight = p.detach()
                    self._sample.parameters.append(name)
                    own[name, "weight"] = norm_square(weight)
                    if "update_ratio" in self._quantities:
                        self._before[name] = weight.clone()

    def _take_gradient(self, name: str) -> None:
        gradient = self._parameters[name].grad
        if gradient is None:
            return
        self._had_gradient.add(name)
        if (name, "gradient") in self._sample.own or "grad_norm" not in self._quantities:
            return
        gradient = gradient.detach()
        gradient = gradient.coalesce().values() if gradient.is_sparse else gradient
        self._sample.own[name, "gradient"] = norm_square(gradient)
