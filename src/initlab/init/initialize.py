"""Draw the weights of a whole network."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import type_before_parametrizations

from initlab.errors import UserError
from initlab.init.behind import next_in_order, traced
from initlab.init.drawing import fill, matrices, promised_std, shape, std_of_drawn
from initlab.init.layers import Slot, kind_of_layer, slots_of
from initlab.init.named import named_scheme
from initlab.init.parametrized import parameters_of, read, write
from initlab.init.report import Drawn, LeftAlone, Report
from initlab.init.scheme import Scheme
from initlab.nn import activation_function

Gain = tuple[float, str]  # and where it is from


def gain_of(model: nn.Module) -> float:
    """The gain of `model.activation`, a name in `initlab.nn.ACTIVATIONS`; 1 for a model that names none."""
    name = getattr(model, "activation", "identity")
    return activation_function(name if isinstance(name, str) else "identity").gain


@torch.no_grad()
def initialize(
    model: nn.Module,
    scheme: Scheme | str,
    *,
    generator: torch.Generator | None = None,
    batch: Any = None,
) -> Report:
    """Draw every layer of the model again that `initlab.init.layers` knows, each tensor once, weight then bias.

    Norms keep their scale and shift, frozen parameters their values, and so does whatever has no rule; all of it is in
    the report.

    scheme: one of `initlab.init`, or the name of a file in configs/init.
    batch: inputs as the model takes them, a tensor, a tuple of arguments or a dict of them by name, or a function that
        gives them. One forward pass of it, in evaluation mode, finds the activation behind each layer, the order of the
        layers for a scheme that counts them, and what a scheme that looks at data asks for.

    The gain of every layer is that of `model.activation`, where the model names one there. Else it is that of the
    activation behind the layer: in the forward pass, or, without a batch, the module registered next. Without any it is
    1; so it is for the projections of an attention and the gates of an LSTM or GRU, and of an RNN it is that of its own
    nonlinearity.

    Numbers are drawn where the generator lives (on the CPU if there is none) and copied, so one seed gives one
    set of weights on every device.
    """
    if not isinstance(model, nn.Module) or not isinstance(scheme, (Scheme, str)):
        raise UserError(
            f"initialize({_short(model)}, {_short(scheme)}): it takes a torch.nn.Module and a scheme or the name of "
            'one, as in initialize(model, "kaiming")'
        )
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    scheme = named_scheme(scheme, _declared(model)) if isinstance(scheme, str) else scheme
    given = _once(batch)
    targets, reasons = _find(model, scheme)
    layers = list(dict.fromkeys(target.layer for target in targets))
    gains, order, notes = _gains(model, layers, scheme, given)
    if scheme.by_place:
        layers.sort(key=lambda layer: order.index(layer) if layer in order else len(order))
        targets.sort(key=lambda target: layers.index(target.layer))
    unknown: set[_Target] = set()
    schemes = {layer: scheme.at(i, len(layers)) for i, layer in enumerate(layers)}
    for target in targets:
        _check(scheme, schemes[target.layer], target)
    if scheme.unit_signal and given is None:
        raise UserError(f"init={scheme}: this scheme looks at data; give initialize(..., batch=...)")
    for target in targets:
        if not _draw(schemes[target.layer], target, gains[target.layer][0], generator):
            notes.append(f"{target.name}: its parametrization makes another weight of what was drawn")
            unknown.add(target)
    fitted = scheme.fit_(model, given()) if scheme.unit_signal and given is not None else ()
    rows = tuple(
        replace(row, promised_std=math.nan) if target in unknown else row
        for target in targets
        for row in [_row(schemes[target.layer], target, *gains[target.layer])]
    )
    drawn = {name for row in rows for name in row.parameters}
    return Report(str(scheme), rows, _left_alone(model, drawn, reasons), tuple(notes), fitted)


@dataclass(frozen=True)
class _Target:
    """A tensor to draw: `name` in the network, `parameters` all names of those that it is made of."""

    layer: nn.Module
    slot: Slot
    name: str
    parameters: tuple[str, ...]

    def read(self) -> Tensor:
        return read(self.layer, self.slot.tensor)


def _find(model: nn.Module, scheme: Scheme) -> tuple[list[_Target], dict[str, str]]:
    """The tensors to draw, in the order of `named_modules`, and by name why other parameters of layers are not drawn.

    One that several layers have is that of the layer with most inputs: an embedding that is the readout too starts as
    the readout.
    """
    names: dict[Any, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        _check_there(model, name, parameter)
        names.setdefault(_memory(parameter), []).append(name)
    reasons: dict[str, str] = {}
    found: dict[tuple[Any, ...], _Target] = {}
    for prefix, layer in model.named_modules():
        for slot in slots_of(layer):
            parts = parameters_of(layer, slot.tensor)
            key = tuple(map(_memory, parts.values()))
            all_names = tuple(dict.fromkeys(name for part in key for name in names[part]))
            why = _why_not_drawn(list(parts.values()))
            if why:
                reasons |= dict.fromkeys(all_names, why)
                continue
            target = _Target(layer, slot, f"{prefix}.{slot.tensor}".lstrip("."), all_names)
            if key not in found or _fan_in(target) > _fan_in(found[key]):
                found[key] = target
    if not found:
        rows = _left_alone(model, set(), reasons)
        left = ", ".join(f"{row.name} ({row.kind}, {row.reason})" for row in rows[:12]) or "no parameters at all"
        raise UserError(f"init={scheme}: {type(model).__name__} has no layer to initialise, but {left}")
    return list(found.values()), reasons


def _memory(parameter: Tensor) -> Any:
    """Equal for two parameters that are one tensor."""
    return (parameter.data_ptr(), parameter.shape, parameter.stride()) if parameter.numel() else id(parameter)


def _check_there(model: nn.Module, name: str, parameter: Tensor) -> None:
    kind = type(model).__name__
    if isinstance(parameter, UninitializedParameter):
        raise UserError(f"{name} of {kind} has no size yet: run a batch through the model first, then initialise it")
    if parameter.is_meta:
        raise UserError(
            f'{name} of {kind} is on the meta device: model.to_empty(device="cpu") first, then initialise it'
        )


def _why_not_drawn(parts: Sequence[Tensor]) -> str:
    if not any(part.requires_grad for part in parts):
        return "frozen"
    if any(part.numel() == 0 for part in parts):
        return "empty"
    return "" if all(part.is_floating_point() for part in parts) else f"of {parts[0].dtype}"


def _fan_in(target: _Target) -> int:
    blocks = target.slot.blocks
    return target.slot.fan_in if blocks is None else max(block.fan_in for block in blocks(target.read()))


def _declared(model: nn.Module) -> str | None:
    """The activation that the model itself names; "identity", as of a model without any, names none."""
    name = getattr(model, "activation", None)
    return name if isinstance(name, str) and name != "identity" else None


def _gains(
    model: nn.Module, layers: list[nn.Module], scheme: Scheme, given: Callable[[], Any] | None
) -> tuple[dict[nn.Module, Gain], list[nn.Module], list[str]]:
    """For each layer its gain and where that is from; the layers that a forward pass called, in its order; notes."""
    declared, notes, order = _declared(model), [], []
    gain = gain_of(model)
    behind, how = {}, "next module"
    if given is not None and (scheme.by_place or declared is None):
        try:
            trace = traced(model, layers, given())
            order, behind, how = trace.order, trace.behind, "traced"
        except UserError as error:
            if scheme.by_place or scheme.unit_signal:
                raise
            notes.append(f"nothing was traced: {error}")
    registered = {} if declared else next_in_order(model, layers)
    gains: dict[nn.Module, Gain] = {}
    for layer in layers:
        if isinstance(layer, nn.MultiheadAttention):
            gains[layer] = 1.0, "attention"
        elif isinstance(layer, (nn.RNN, nn.RNNCell)):
            gains[layer] = activation_function(layer.nonlinearity).gain, f"{layer.nonlinearity} (its own)"
        elif isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
            gains[layer] = 1.0, "gates"
        elif declared:
            gains[layer] = gain, f"{declared} (model)"
        else:
            source = behind if layer in order else registered
            said = how if layer in order else "next module"
            at = source.get(layer)
            gains[layer] = (at.gain, f"{at.name} ({said})") if at else (1.0, f"none ({said})")
    return gains, order, notes


def _check(scheme: Scheme, here: Scheme, target: _Target) -> None:
    if target.slot.blocks is None:
        return
    for block in matrices(here, target.slot, target.read()):
        why = here.why_not(target.layer, *shape(block))
        if why:
            raise UserError(f"init={scheme}: {target.name} ({kind_of_layer(target.layer)}): {why}")


def _draw(scheme: Scheme, target: _Target, gain: float, generator: torch.Generator | None) -> bool:
    """Whether the tensor is now what was drawn."""
    old = target.read()
    dtype = torch.float32 if old.element_size() < 4 else old.dtype  # there is no QR of bfloat16
    new = torch.zeros(old.shape, dtype=dtype, device="cpu" if generator is None else generator.device)
    fill(scheme, target.slot, new, gain, generator)
    new = new.to(old.device, old.dtype)
    write(target.layer, target.slot.tensor, new, target.name)
    made = target.read()
    if isinstance(made, nn.Parameter):
        return True
    if made.isnan().any() and not new.isnan().any():
        raise UserError(f"{target.name}: its parametrization makes nan of a weight with zeros, as {scheme} draws it")
    return torch.allclose(made, new, rtol=1e-2, atol=1e-3 * float(new.abs().max()))


def _row(scheme: Scheme, target: _Target, gain: float, gain_from: str) -> Drawn:
    tensor, slot = target.read(), target.slot
    blocks = list(matrices(scheme, slot, tensor)) if slot.blocks else []
    promised = promised_std(scheme, slot, tensor, gain)
    used = bool(blocks) and promised_std(scheme, slot, tensor, 2 * gain) != promised and not math.isnan(promised)
    own = getattr(scheme, "gain", None)
    if blocks and own is not None:
        gain, gain_from, used = own, "scheme", True
    return Drawn(
        name=target.name,
        parameters=target.parameters,
        kind=kind_of_layer(target.layer),
        fan_in=blocks[0].fan_in if blocks else slot.fan_in,
        fan_out=blocks[0].fan_out if blocks else None,
        gain=gain if used else None,
        gain_from=gain_from if used else "",
        promised_std=promised,
        drawn_std=std_of_drawn(scheme, slot, tensor),
    )


def _left_alone(model: nn.Module, drawn: set[str], reasons: dict[str, str]) -> tuple[LeftAlone, ...]:
    modules = dict(model.named_modules())
    rows = []
    for name, _ in model.named_parameters():
        if name not in drawn:
            kind = type_before_parametrizations(modules[name.rpartition(".")[0]]).__name__
            norm = "a norm keeps its scale and shift" if "Norm" in kind else "no rule for it"
            rows.append(LeftAlone(name, kind, reasons.get(name, norm)))
    return tuple(rows)


def _once(batch: Any) -> Callable[[], Any] | None:
    """A function that gives the batch, and asks for it once."""
    if batch is None or not callable(batch):
        return None if batch is None else lambda: batch
    return functools.cache(batch)


def _short(value: object) -> str:
    text = str(value) if isinstance(value, (str, type)) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}..."
