"""Which activation comes behind each layer: the gain of the layer follows it."""

from __future__ import annotations

import math
import re
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from initlab.batch import batch_for
from initlab.init.forward_pass import only_looking
from initlab.nn import ACTIVATIONS, Activation

# Functions of torch by their names, without the _ of one in place. What ACTIVATIONS does not have gets the gain
# 1 / sqrt(E[phi(z)^2]), but SELU that of its paper, 3/4 (`torch.nn.init.calculate_gain`).
ELEMENTWISE = {
    "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "relu6", "elu", "selu", "celu", "mish", "softplus",
    "softsign", "hardtanh", "hardswish", "hardsigmoid", "softshrink", "hardshrink", "tanhshrink", "logsigmoid",
    "log_sigmoid", "threshold", "prelu", "rrelu", "clamp", "clamp_min", "sin", "cos", "erf", "square",
}  # fmt: skip
# Functions that hand a signal on to the activation behind them.
PASSES_ON = re.compile(
    r".*(norm|pool|dropout|pixel_).*|getitem|(add|radd|sub|rsub|mul|rmul|div|truediv|true_divide|neg|cat|concat|"
    r"concatenate|stack|chunk|split|unbind|select|narrow|view|reshape|flatten|unflatten|permute|transpose|movedim|swapaxes|t|squeeze|unsqueeze|"
    r"expand|repeat|contiguous|clone|to|type|type_as|float|half|bfloat16|double|pad|mean|sum|amax|interpolate|"
    r"upsample.*|roll|flip|masked_fill|where|lerp|drop_path|requires_grad|positive|feature_alpha_dropout)"
)
MODULE_PASSES_ON = re.compile(r".*(Norm|Pool|Dropout|Flatten|Identity|Pad|Upsample|Shuffle|DropPath|StochasticDepth).*")


@dataclass(frozen=True)
class Behind:
    """The activation behind a layer; `name` "" where there is none."""

    name: str
    gain: float = 1.0


NOTHING = Behind("")


class Trace(TorchFunctionMode):
    """Follows what the layers put out through the functions of torch, up to the first activation. Another layer or an
    attention, a softmax or a loss ends the way.

    order:  the layers, each once, as the forward pass calls them.
    behind: of those whose output reaches an activation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.order: list[nn.Module] = []
        self.behind: dict[nn.Module, Behind] = {}
        self._from: dict[int, tuple[weakref.ref[Tensor], frozenset[nn.Module]]] = {}  # by id of the tensor

    def begin(self, layer: nn.Module, output: Any) -> None:
        """Follow the output of a layer from here."""
        last = layer.out_proj if isinstance(layer, nn.MultiheadAttention) else layer  # which it does not call
        self.order += [one for one in dict.fromkeys((layer, last)) if one not in self.order]
        for tensor in _tensors(output):
            self._set(tensor, frozenset([last]))

    def end(self, inputs: Any, found: Callable[[], Behind]) -> None:
        """These are the inputs of an activation."""
        waiting = self._of(inputs) - self.behind.keys()
        if waiting:
            here = found()
            self.behind.update(dict.fromkeys(waiting, here))

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = str(getattr(function, "__name__", "")).strip("_")
        sources: frozenset[nn.Module] = frozenset()
        if name in ELEMENTWISE:
            self.end(args, lambda: _of_call(name, function, args, kwargs))
        elif PASSES_ON.fullmatch(name):
            sources = self._of((args, list(kwargs.values())))
        output = function(*args, **kwargs)
        for tensor in _tensors(output):
            self._set(tensor, sources)
        return output

    def _of(self, value: Any) -> frozenset[nn.Module]:
        found: set[nn.Module] = set()
        for tensor in _tensors(value):
            known, sources = self._from.get(id(tensor), (None, frozenset()))
            if known is not None and known() is tensor:
                found |= sources
        return frozenset(found)

    def _set(self, tensor: Tensor, sources: frozenset[nn.Module]) -> None:
        self._from[id(tensor)] = weakref.ref(tensor), sources


def _tensors(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _of_call(name: str, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Behind:
    """The gain of the function with the settings of this call."""
    if name == "relu" or (name in ("clamp", "clamp_min") and [*args[1:], *kwargs.values()] in ([0], [0.0])):
        return Behind("relu", ACTIVATIONS["relu"].gain)
    if name in ("leaky_relu", "prelu"):
        slope = [*args[1:], *(kwargs[key] for key in ("negative_slope", "weight") if key in kwargs)] or [0.01]
        mean = float(slope[0].double().mean()) if isinstance(slope[0], Tensor) else slope[0]
        return Behind(name, torch.nn.init.calculate_gain("leaky_relu", mean))
    if name == "selu":
        return Behind(name, torch.nn.init.calculate_gain("selu"))
    if name in ACTIVATIONS:
        return Behind(name, ACTIVATIONS[name].gain)
    return Behind(name, _gain(lambda z: function(z, *args[1:], **kwargs)))


def traced(model: nn.Module, layers: Sequence[nn.Module], batch: Any) -> Trace:
    """One forward pass of the batch, see `initlab.batch`."""
    trace, given = Trace(), batch_for(model, batch).copied()
    hooks = []
    for module in model.modules():
        found = activation_of(module) if not type(module).__module__.startswith("torch.nn.") else NOTHING
        if found is not NOTHING:  # torch's own are seen as the functions that they call
            hooks.append(module.register_forward_pre_hook(lambda _, args, here=found: trace.end(args, lambda: here)))
    hooks += [layer.register_forward_hook(lambda m, _, z: trace.begin(m, z)) for layer in layers]
    try:
        with only_looking(model), trace:
            given.pass_through(model)
    finally:
        for hook in hooks:
            hook.remove()
    return trace


def next_in_order(model: nn.Module, layers: Sequence[nn.Module]) -> dict[nn.Module, Behind]:
    """Without a forward pass: the activation module that is registered next after a layer in the same parent, with
    nothing but norms, pools and the like between them; a `Sequential` continues in one around it."""
    found: dict[nn.Module, Behind] = {}

    def visit(parent: nn.Module, after: list[nn.Module]) -> None:
        children = _children(parent)
        for i, child in enumerate(children):
            following = children[i + 1 :] + (after if isinstance(parent, nn.Sequential) else [])
            if child in layers:
                found.setdefault(child, _first(following))
            visit(child, following)

    visit(model, [])
    return {layer: behind for layer, behind in found.items() if behind is not NOTHING}


def _children(parent: nn.Module) -> list[nn.Module]:
    return list(parent) if isinstance(parent, (nn.Sequential, nn.ModuleList)) else list(parent.children())


def _first(modules: Sequence[nn.Module]) -> Behind:
    for module in modules:
        if isinstance(module, nn.Sequential):
            return _first([*module, *modules[modules.index(module) + 1 :]])
        if MODULE_PASSES_ON.fullmatch(type(module).__name__):
            continue
        return activation_of(module)
    return NOTHING


def activation_of(module: nn.Module) -> Behind:
    """Of an activation module: one of ours or of torch's, or any other without parts whose output depends, entry by
    entry and not linearly, on its input."""
    if isinstance(module, Activation):
        return Behind(module.function.name, module.function.gain) if module.function.name != "identity" else NOTHING
    if isinstance(module, nn.MultiheadAttention) or next(module.children(), None) is not None:
        return NOTHING
    own = next(module.parameters(), torch.empty(1))  # of a PReLU
    try:
        with only_looking(module):
            if type(module).__module__ == nn.ReLU.__module__:
                trace, z = Trace(), torch.zeros_like(own).reshape(1, -1)
                trace.begin(module, z)
                with trace:
                    module(z)
                return trace.behind.get(module, NOTHING)
            if type(module).__module__.startswith("torch.nn.") or isinstance(own, nn.Parameter):
                return NOTHING
            return _of_function(type(module).__name__, module.forward)
    except Exception:  # it takes something else: images, a pair
        return NOTHING


def _of_function(name: str, function: Callable[[Tensor], Tensor]) -> Behind:
    z = torch.linspace(-3, 3, 101, dtype=torch.float64)
    x, backwards, half = function(z.clone()), function(z.flip(0)), function(z[::2].clone())
    own = torch.equal(x, backwards.flip(0)) and torch.equal(x[::2], half) and x.shape == z.shape
    bends = float(x.diff(n=2).abs().max()) > 1e-6 * float(x.abs().max())
    return Behind(name, _gain(function)) if own and bends else NOTHING


def _gain(function: Callable[[Tensor], Tensor]) -> float:
    """1 / sqrt(E[phi(z)^2]), z ~ N(0, 1); 1 where that is no number."""
    from initlab.theory.elementwise import elementwise

    try:
        gain = elementwise(function).gain
    except Exception:  # a bound for each unit
        return 1.0
    return gain if math.isfinite(gain) else 1.0
