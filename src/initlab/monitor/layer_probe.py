"""The output of every layer in one sampled step, and the gradient with respect to it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from initlab.errors import reason
from initlab.monitor import kernels
from initlab.monitor.budget import Stopwatch
from initlab.monitor.guard import Guard
from initlab.monitor.moment import in_backward
from initlab.monitor.outputs import first_signal, of_numbers, unreadable
from initlab.monitor.sample import Sample
from initlab.monitor.saturation import Saturation, saturation_of
from initlab.monitor.similarity import similarity
from initlab.monitor.units import Units

MAX_CALLS = 8  # of one module in one step that are told apart; the second is called `<layer>#2`
PER_UNIT = {"min", "max", "dead", "histogram"}
NEVER_CALLED = "no call of it in step {}: a later layer(x) will be seen, layer.forward(x) never is"


class LayerProbe:
    """Hooks that fill a `Sample` while the model runs forward and backward; there are none before `attach` and none
    after `detach`.

    They are torch's hooks on all modules, which look up whether a module is one of ours: a module itself never carries
    one, so that it can be copied, pickled and scripted at any time, and a copy is not taken for the original. Only of a
    model with compiled modules the others carry hooks, as hooks on all would be compiled into the graph. They see a
    layer's output before hooks of the user's on that layer change it.

    The hooks only read: an output is looked at before the next layer can overwrite it, and the input of an activation
    before an in-place one does. Of a tuple, dict or dataclass it is the first tensor of numbers with more than one
    entry; complex numbers count by their modulus. Not watched are calls outside `training_step`, within a backward
    (activation checkpointing, whose recomputed outputs only give the gradient), under torch.func's transforms, while
    tracing, and nested, sparse and other special tensors; `not_watched` has why. A layer in whose hook something fails
    is left out from there on. `torch.export.export(strict=True)` of a module fails next to hooks on all modules, of any
    program; so it does within a sampled step.

    Gradients come from autograd's hooks on the outputs, or, of a model that has none because it computes its gradients
    itself, from its list `hooks_of_backward_by_hand`, whose entries it calls with (layer, gradient). Of several
    backward passes through an output the gradient is that of the last.
    """

    def __init__(
        self,
        quantities: frozenset[str],
        watch: Stopwatch,
        guard: Guard,
        gradient_hooks: list[Callable[[nn.Module, Tensor], None]] | None = None,
        *,
        compiled: bool = False,
        in_step: Callable[[], bool] = lambda: True,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        self._quantities = quantities
        self._watch = watch
        self._guard = guard
        self._gradient_hooks = gradient_hooks
        self._compiled = compiled
        self._in_step, self._ended = in_step, ended
        self._watched: dict[int, tuple[nn.Module, str]] = {}  # by id: a module may call others its equals
        self._saturation: dict[int, Saturation] = {}
        self._handles: list[RemovableHandle] = []
        self._gradient_handles: list[RemovableHandle] = []
        self._number: int | None = None  # of the hooks on all modules
        self._sample: Sample
        self._reasons: dict[str, str] = {}  # why the latest output of a layer could not be read
        self._left_out: set[str] = set()
        self._bracketed = False  # Lightning says when the backward pass of the training begins and ends
        self.in_backward = False  # in that one

    def choose(self, layers: Mapping[str, nn.Module]) -> None:
        """Watch these from the next `attach` on."""
        watched = {id(module): (module, name) for name, module in layers.items() if name not in self._left_out}
        if list(watched) == list(self._watched):
            return
        self._watched, self._saturation = watched, {}
        if "saturated" in self._quantities:
            for module, name in watched.values():
                try:
                    found = saturation_of(module)
                except Exception as error:  # a user's activation that does not take the points it is tried on
                    self._guard.note(f"{name}: no share of saturated entries ({reason(error)})")
                    continue
                if found is not None:
                    self._saturation[id(module)] = found

    def attach(self, sample: Sample, full: bool) -> None:
        self.detach()
        self._sample, self._full = sample, full
        self._calls: Counter[str] = Counter()
        self._with_gradient: set[str] = set()
        self._saturated: dict[int, kernels.Number] = {}  # between the call and the return of a layer
        self._units = Units()
        self.in_backward = self._bracketed = False
        before, after = self._before, self._after
        if self._compiled:
            # plain functions, as a deep copy of a bound method copies its object too
            modules = [module for module, _ in self._watched.values()]
            self._handles += [m.register_forward_hook(lambda *call: after(*call)) for m in modules]
            if full:
                self._handles += [m.register_forward_pre_hook(lambda *call: before(*call)) for m in modules]
        else:
            with _numbered(self._number):
                self._handles.append(register_module_forward_hook(after))
                if full:
                    self._handles.append(register_module_forward_pre_hook(before))
            self._number = self._handles[0].id
        if full and self._gradient_hooks is not None and "grad_std" in self._quantities:
            self._gradient_hooks.append(self._announced)

    def begin_backward(self) -> None:
        """Gradients of other passes do not count from now on."""
        self.in_backward = self._bracketed = True

    def detach(self) -> None:
        for handle in [*self._handles, *self._gradient_handles]:
            handle.remove()
        self._handles.clear()
        self._gradient_handles.clear()
        if self._gradient_hooks is not None and self._announced in self._gradient_hooks:
            self._gradient_hooks.remove(self._announced)

    def not_watched(self, sample: Sample) -> dict[str, str]:
        """Layers with parameters that the sample has nothing of, and why."""
        seen = set(sample.layers)
        return {
            name: self._reasons.get(name, NEVER_CALLED.format(sample.step))
            for module, name in self._watched.values()
            if name not in seen and (name in self._reasons or next(module.parameters(), None) is not None)
        }

    def _before(self, module: nn.Module, inputs: Any) -> None:
        if torch.compiler.is_compiling() or not self._looks_at(module):
            return
        try:
            z = first_signal(inputs)
            if z is None:
                return
            with self._watch:
                z = of_numbers(z)
                if self._quantities & PER_UNIT:
                    self._units.enter(module, z)
                if id(module) in self._saturation:
                    self._saturated[id(module)] = self._saturation[id(module)].count(z)
        except Exception as error:
            self._fail(module, error)

    def _after(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if torch.compiler.is_compiling():
            return
        if in_backward():
            self._computed_again(module, output)
        if not self._looks_at(module):
            return
        try:
            x = first_signal(output)
            if x is None:
                self._reasons[self._watched[id(module)][1]] = unreadable(output)
                return
            with self._watch:
                self._take(module, x)
        except Exception as error:
            self._fail(module, error)

    def _looks_at(self, module: nn.Module) -> bool:
        """Whether this call is one of the training's, of a watched layer."""
        if self._ended():
            self.detach()
            return False
        return id(module) in self._watched and not in_backward() and self._in_step()

    def _computed_again(self, module: nn.Module, output: Any) -> None:
        """By activation checkpointing; where the first output was computed without a graph, this one has it."""
        if id(module) in self._watched and self._full:
            layer, x = self._watched[id(module)][1], first_signal(output)
            if x is not None and self._calls[layer] == 1 and layer not in self._with_gradient:
                self._watch_gradient(layer, x)

    def _take(self, module: nn.Module, output: Tensor) -> None:
        name, sample = self._watched[id(module)][1], self._sample
        self._calls[name] += 1
        call = self._calls[name]
        if call > MAX_CALLS:
            return
        layer = name if call == 1 else f"{name}#{call}"
        x = of_numbers(output)
        sample.layers.append(layer)
        added = sample.added
        added[layer, "n"] = float(x.numel())
        added[layer, "sum"], added[layer, "square"], added[layer, "bad"] = kernels.sums(x)
        if not self._full:
            return
        if "active" in self._quantities:
            added[layer, "active"] = kernels.count(torch.gt, x, 0.0)
        if id(module) in self._saturated:
            added[layer, "saturated"] = self._saturated.pop(id(module))
        if sample.num_rows and "similarity" in self._quantities:
            alike = similarity(x, sample.num_rows, time_first=getattr(module, "batch_first", None) is False)
            if alike is not None:
                sample.own[layer, "similarity"] = alike
        if self._quantities & PER_UNIT:
            peaks = sample.largest[layer] = self._units.peaks(module, x)
            if "histogram" in self._quantities:
                high, low = peaks.amax(1).unbind()
                sample.own[layer, "high"], sample.own[layer, "low"] = high, -low
                sample.own[layer, "histogram"] = kernels.bins(x, -low, high)
        self._watch_gradient(layer, output)

    def _watch_gradient(self, layer: str, output: Tensor) -> None:
        if "grad_std" in self._quantities and output.requires_grad and not isinstance(output, nn.Parameter):
            self._with_gradient.add(layer)
            self._gradient_handles.append(output.register_hook(self._gradient(layer)))

    def _announced(self, module: nn.Module, gradient: Tensor) -> None:
        if id(module) in self._watched:
            self._gradient(self._watched[id(module)][1])(gradient)

    def _gradient(self, layer: str) -> Callable[[Tensor], None]:
        def look(gradient: Tensor) -> None:
            if self._bracketed and not self.in_backward:  # a gradient that the model asks for in addition
                return
            try:
                with self._watch:
                    g, added = of_numbers(gradient), self._sample.added
                    numbers = float(g.numel()), *kernels.sums(g)[:2]
                    added.update(
                        zip(((layer, f"grad {what}") for what in ("n", "sum", "square")), numbers, strict=True)
                    )
            except Exception as error:
                self._guard.note(f"{layer}: its gradient is not watched ({reason(error)})")

        return look

    def _fail(self, module: nn.Module, error: Exception) -> None:
        _, name = self._watched.pop(id(module))
        self._saturation.pop(id(module), None)
        self._left_out.add(name)
        for call in range(1, MAX_CALLS + 1):
            self._sample.drop(name if call == 1 else f"{name}#{call}")
        self._guard.note(f"{name} is no longer watched ({reason(error)})")


@contextlib.contextmanager
def _numbered(number: int | None) -> Iterator[None]:
    """The hooks registered within get the numbers from `number` on, which were theirs before; None: new ones.

    torch.compile, of a function that calls modules, compiles again for hooks on all modules with other numbers; so it
    compiles twice, with hooks and without. The counter is torch's own; without it hooks would get new numbers.
    """
    counter: Any = RemovableHandle
    following = getattr(counter, "next_id", None)
    if number is not None and following is not None:
        counter.next_id = number
    yield
    if number is not None and following is not None:
        counter.next_id = following
