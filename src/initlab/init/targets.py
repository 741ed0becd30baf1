"""The tensors of a network that a scheme draws, and those that it leaves alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import type_before_parametrizations

from initlab.errors import UserError
from initlab.init.layers import Block, Slot, kind_of_layer, slots_of
from initlab.init.parametrized import check_writable, parameters_of, read, write
from initlab.init.report import Drawn, LeftAlone
from initlab.init.scheme import Scheme


@dataclass(frozen=True)
class Target:
    """A tensor of a layer: `name` in the network, `parameters` all names of those that it is made of; `padding`: its
    rows that stay 0, as another layer that has the same tensor looks up padding there."""

    layer: nn.Module
    slot: Slot
    name: str
    parameters: tuple[str, ...]
    padding: tuple[int, ...] = ()

    def value(self) -> Tensor:
        return read(self.layer, self.slot.tensor)

    def blocks(self, scheme: Scheme, tensor: Tensor) -> list[Block]:
        """The matrices in a tensor of this shape that the scheme fills; none in a bias."""
        found = self.slot.blocks(tensor) if self.slot.blocks else []
        if not scheme.centred():
            return found
        middles = [(block, block.view if block.centre is None else block.centre) for block in found]
        return [Block(at, *(at.shape[1::-1] if at is block.centre else block.fans)) for block, at in middles]

    def check(self, scheme: Scheme) -> None:
        """Raise UserError where the scheme has no such weights, or they cannot be given to the layer."""
        check_writable(self.layer, self.slot.tensor, self.name)
        for block in self.blocks(scheme, self.value()):
            why = scheme.why_not(self.layer, *block.shape)
            if why:
                raise UserError(f"init={scheme}: {self.name} ({kind_of_layer(self.layer)}): {why}")

    def draw(self, scheme: Scheme, gain: float, generator: torch.Generator | None) -> bool:
        """Whether the tensor is now what was drawn.

        A scheme takes the fans from the shape of a matrix; where those of the layer are others, what it drew is scaled
        to their std.
        """
        old = self.value()
        dtype = torch.float32 if old.element_size() < 4 else old.dtype  # there is no QR of bfloat16
        new = torch.zeros(old.shape, dtype=dtype, device="cpu" if generator is None else generator.device)
        if self.slot.blocks is None:
            scheme.bias_(new.view(-1), self.slot.fan_in, generator)
        for block in self.blocks(scheme, new):
            drawn = torch.empty(block.shape, dtype=dtype, device=new.device)
            scheme.weight_(drawn, gain, generator)
            own = scheme.weight_std(*block.shape[::-1], gain)
            if block.fans != block.shape[::-1] and own > 0:
                drawn.mul_(_std(scheme, block, gain) / own)
            block.view.copy_(drawn.view(block.view.shape))
        if self.padding:
            new[list(self.padding)] = 0
        new = new.to(old.device, old.dtype)
        write(self.layer, self.slot.tensor, new)
        made = self.value()
        if isinstance(made, nn.Parameter):
            return True
        if made.isnan().any() and not new.isnan().any():
            raise UserError(f"{self.name}: its parametrization makes nan of a weight with zeros, as {scheme} draws it")
        return torch.allclose(made, new, rtol=1e-2, atol=1e-3 * float(new.abs().max()))

    def row(self, scheme: Scheme, gain: float | None, gain_from: str) -> Drawn:
        """Of the report, from the values that there are now."""
        tensor = self.value()
        blocks = self.blocks(scheme, tensor)
        promised = self._promised(scheme, blocks, gain or 1.0)
        own = getattr(scheme, "gain", None)
        if blocks and own is not None:
            gain, gain_from = own, "scheme"
        elif math.isnan(promised) or self._promised(scheme, blocks, 2 * (gain or 1.0)) == promised:
            gain, gain_from = None, ""  # of no use to it
        entries = _entries(blocks, tensor).detach().double()
        if self.padding:
            there = torch.ones_like(tensor)
            there[list(self.padding)] = 0
            entries = entries[_entries(self.blocks(scheme, there), there) > 0]
        return Drawn(
            name=self.name,
            parameters=self.parameters,
            kind=kind_of_layer(self.layer),
            fan_in=blocks[0].fan_in if blocks else self.slot.fan_in,
            fan_out=blocks[0].fan_out if blocks else None,
            gain=gain,
            gain_from=gain_from,
            promised_std=promised,
            drawn_std=float(entries.std(correction=0)),
        )

    def _promised(self, scheme: Scheme, blocks: Sequence[Block], gain: float) -> float:
        if not blocks:
            return scheme.bias_std(self.slot.fan_in)
        squares = sum(block.view.numel() * _std(scheme, block, gain) ** 2 for block in blocks)
        return math.sqrt(squares / sum(block.view.numel() for block in blocks))


def _entries(blocks: Sequence[Block], tensor: Tensor) -> Tensor:
    """Of the blocks, or of the whole tensor where there are none."""
    parts = [block.view.flatten() for block in blocks] or [tensor.flatten()]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _std(scheme: Scheme, block: Block, gain: float) -> float:
    return scheme.weight_std(*(block.shape[::-1] if scheme.by_shape else block.fans), gain)


def targets_of(model: nn.Module) -> tuple[list[Target], dict[str, str]]:
    """In the order of `named_modules`, and by name why other parameters of layers are not drawn.

    A tensor that several layers have is that of the layer with most inputs: an embedding that is the readout too starts
    as the readout, but for its row of padding.
    """
    names: dict[Any, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        _check_there(type(model).__name__, name, parameter)
        names.setdefault(_memory(parameter), []).append(name)
    reasons: dict[str, str] = {}
    found: dict[tuple[Any, ...], Target] = {}
    padding: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for prefix, layer in model.named_modules():
        for slot in slots_of(layer):
            parts = list(parameters_of(layer, slot.tensor).values())
            key = tuple(map(_memory, parts))
            all_names = tuple(dict.fromkeys(name for part in key for name in names[part]))
            if (row := getattr(layer, "padding_idx", None)) is not None:
                padding[key] = (*padding.get(key, ()), row)
            why = _why_not_drawn(parts)
            if not why and slot.blocks and not slot.blocks(read(layer, slot.tensor)):
                why = "all of it padding"
            target = Target(layer, slot, f"{prefix}.{slot.tensor}".lstrip("."), all_names)
            if why:
                reasons |= dict.fromkeys(all_names, why)
            elif key not in found or _inputs(target) > _inputs(found[key]):
                found[key] = target
    return [replace(target, padding=padding.get(key, ())) for key, target in found.items()], reasons


def left_alone(model: nn.Module, drawn: set[str], reasons: Mapping[str, str]) -> tuple[LeftAlone, ...]:
    """The parameters that are not among those drawn."""
    rows = []
    for name, _ in model.named_parameters():
        if name not in drawn:
            kind = type_before_parametrizations(model.get_submodule(name.rpartition(".")[0])).__name__
            other = "a norm keeps its scale and shift" if "Norm" in kind else "no rule for it"
            rows.append(LeftAlone(name, kind, reasons.get(name, other)))
    return tuple(rows)


def _memory(parameter: Tensor) -> Any:
    """Equal for two parameters that are one tensor."""
    if parameter.numel() == 0 or type(parameter.data) is not Tensor:
        return id(parameter)
    return parameter.data_ptr(), parameter.shape, parameter.stride()


def _check_there(model: str, name: str, parameter: Tensor) -> None:
    if isinstance(parameter, UninitializedParameter):
        raise UserError(f"{name} of {model} has no size yet: run a batch through the model first, then initialise it")
    if parameter.is_meta:
        raise UserError(f'{name} of {model} is on the meta device: model.to_empty(device="cpu"), then initialise it')


def _why_not_drawn(parts: Sequence[Tensor]) -> str:
    if not any(part.requires_grad for part in parts):
        return "frozen"
    if any(part.numel() == 0 for part in parts):
        return "empty"
    if type(parts[0].data) is not Tensor:  # sharded, quantised
        return f"a {type(parts[0].data).__name__}"
    return "" if all(part.is_floating_point() for part in parts) else f"of {parts[0].dtype}"


def _inputs(target: Target) -> int:
    blocks = target.slot.blocks
    return target.slot.fan_in if blocks is None else max(block.fan_in for block in blocks(target.value()))
