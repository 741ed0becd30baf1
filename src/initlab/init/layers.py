"""Which tensors of a layer are weights, and what matrices stand in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from initlab.init.parametrized import parameters_of, read
from initlab.nn import Linear


@dataclass(frozen=True)
class Block:
    """A matrix in a weight: `view` is the part of the weight that it fills, [outputs, ...], its inputs flattened.

    fan_in, fan_out: how many inputs a unit adds up, and how many units an input enters.
    centre: of a convolution the part of `view` at the middle of the kernel, [outputs, inputs].
    """

    view: Tensor
    fan_in: int
    fan_out: int
    centre: Tensor | None = None

    @property
    def fans(self) -> tuple[int, int]:
        return self.fan_in, self.fan_out

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return len(self.view), self.view[0].numel()


Blocks = Callable[[Tensor], list[Block]]


@dataclass(frozen=True)
class Slot:
    """One tensor of a layer. `blocks` cuts a tensor of its shape into matrices; None: it is a bias, of units that add
    up `fan_in` inputs."""

    tensor: str
    blocks: Blocks | None = None
    fan_in: int = 0


def _dense(W: Tensor) -> list[Block]:
    return [Block(W, W.shape[1], W.shape[0])]


def _stacked(number: int) -> Blocks:
    """Several matrices one below the other: the gates of an LSTM, queries, keys and values."""
    return lambda W: [block for part in W.chunk(number) for block in _dense(part)]


def _linear(layer: Any) -> list[Slot]:
    return [Slot("weight", _dense), Slot("bias", fan_in=read(layer, "weight").shape[1])]


def _convolution(layer: Any) -> list[Slot]:
    """A matrix [outputs, inputs x taps] for each group. The stride does not count in fan_out: as He et al. 2015 and
    `torch.nn.init`, which however takes the outputs of all groups for it."""
    taps = math.prod(layer.kernel_size)

    def blocks(W: Tensor) -> list[Block]:
        return [
            Block(group, group.shape[1] * taps, group.shape[0] * taps, _middle(group))
            for group in W.chunk(layer.groups)
        ]

    return [Slot("weight", blocks), Slot("bias", fan_in=layer.in_channels // layer.groups * taps)]


def _transposed(layer: Any) -> list[Slot]:
    """The weight is [inputs, outputs of a group, taps]: each input enters all taps of its group's outputs, and an
    output adds up one tap in `stride` along each axis. `torch.nn.init` reads the sizes in the order of a convolution,
    so its fan_in is our fan_out, and the stride does not count."""
    axes = zip(layer.kernel_size, layer.stride, strict=True)
    met = math.prod(max(size / stride, 1.0) for size, stride in axes)
    inputs, taps = round(layer.in_channels // layer.groups * met), math.prod(layer.kernel_size)

    def blocks(W: Tensor) -> list[Block]:
        groups = [group.transpose(0, 1) for group in W.chunk(layer.groups)]
        return [Block(g, inputs, g.shape[0] * taps, _middle(g)) for g in groups]

    return [Slot("weight", blocks), Slot("bias", fan_in=inputs)]


def _middle(kernel: Tensor) -> Tensor:
    for size in kernel.shape[2:]:
        kernel = kernel.select(2, size // 2)
    return kernel


def _embedding(layer: Any) -> list[Slot]:
    """A row is looked up: of all inputs one is 1, so fan_in is 1. The row of `padding_idx` is not drawn and stays 0."""
    padding = layer.padding_idx

    def blocks(W: Tensor) -> list[Block]:
        parts = [W] if padding is None else [W[:padding], W[padding + 1 :]]
        return [Block(part.T, 1, W.shape[1]) for part in parts if len(part)]

    return [Slot("weight", blocks)]


def _attention(layer: Any) -> list[Slot]:
    """Queries, keys and values have a matrix each, stacked or not; the layer behind them is one of its own."""
    inputs = layer.embed_dim
    slots = [Slot("in_proj_weight", _stacked(3))]
    slots += [Slot(f"{one}_proj_weight", _dense) for one in "qkv"]
    return slots + [Slot(name, fan_in=inputs) for name in ("in_proj_bias", "bias_k", "bias_v")]


def _recurrent(layer: Any) -> list[Slot]:
    """For each layer and direction, a matrix [hidden, inputs] and one [hidden, hidden before] for each gate."""
    if isinstance(layer, nn.RNNCellBase):
        ends = [""]
    else:
        ends = [f"_l{i}{way}" for i in range(layer.num_layers) for way in ("", "_reverse")[: 1 + layer.bidirectional]]
    slots = []
    for end in ends:
        for name, inputs in (("ih", f"weight_ih{end}"), ("hh", f"weight_hh{end}")):
            rows, fan_in = read(layer, inputs).shape
            slots += [Slot(inputs, _stacked(rows // layer.hidden_size)), Slot(f"bias_{name}{end}", fan_in=fan_in)]
        slots.append(Slot(f"weight_hr{end}", _dense))
    return slots


def _bilinear(layer: Any) -> list[Slot]:
    """A unit adds up in1 x in2 products, and an entry of the first input enters outputs x in2 of them; as
    `torch.nn.init` counts."""
    fans = layer.in1_features * layer.in2_features, layer.out_features * layer.in2_features
    return [Slot("weight", lambda W: [Block(W, *fans)]), Slot("bias", fan_in=fans[0])]


KINDS: tuple[tuple[tuple[type[nn.Module], ...], Callable[[Any], list[Slot]]], ...] = (
    ((Linear, nn.Linear), _linear),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _convolution),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _transposed),
    ((nn.Embedding, nn.EmbeddingBag), _embedding),
    ((nn.MultiheadAttention,), _attention),
    ((nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell), _recurrent),
    ((nn.Bilinear,), _bilinear),
)


def kind_of_layer(layer: nn.Module) -> str:
    """The class that is known here, which it may derive from."""
    return next(kind.__name__ for kinds, _ in KINDS for kind in kinds if isinstance(layer, kind))


def slots_of(layer: nn.Module) -> list[Slot]:
    """Those that the layer has, a weight before its bias; none for a layer of another kind."""
    found = next((slots(layer) for kinds, slots in KINDS if isinstance(layer, kinds)), [])
    return [slot for slot in found if parameters_of(layer, slot.tensor)]


def is_layer(module: nn.Module) -> bool:
    """Whether its kind is known here."""
    return isinstance(module, tuple(kind for kinds, _ in KINDS for kind in kinds))
