"""Small networks of eight families, and the ways in which they are initialised, for the evidence on any network.

Images are [N, 1, 14, 14]; a transformer and an LSTM read them as 14 rows of 14 numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

CHANNELS, WIDTH, TOKEN = 12, 48, 32  # of convolutions; of dense layers; of the rows of an image
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Residual(nn.Module):
    """x + branch(x)."""

    def __init__(self, *branch: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Rows(nn.Module):
    """Layers over the rows of an image, the mean over all rows to a readout; `position`: whether each row has one."""

    def __init__(self, layers: nn.Module, position: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(14, TOKEN)
        self.position = nn.Parameter(0.02 * torch.randn(14, TOKEN)) if position else None
        self.layers = layers
        self.readout = nn.Linear(TOKEN, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.embed(image.squeeze(1))
        x = self.layers(x if self.position is None else x + self.position)
        return self.readout((x[0] if isinstance(x, tuple) else x).mean(1))


def dense(depth: int, phi: type[nn.Module], norm: bool = False) -> nn.Module:
    sizes = [196, *[WIDTH] * depth]
    hidden: list[nn.Module] = []
    for i in range(depth):
        hidden += [nn.Linear(sizes[i], sizes[i + 1]), *([nn.LayerNorm(WIDTH)] if norm else []), phi()]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(WIDTH, 10))


def conv(depth: int, phi: type[nn.Module], norm: bool, residual: bool) -> nn.Module:
    """The first layer halves the image; residual blocks have one convolution each."""

    def layer(channels: int, stride: int) -> list[nn.Module]:
        here: list[nn.Module] = [nn.Conv2d(channels, CHANNELS, 3, stride, 1)]
        return here + ([nn.BatchNorm2d(CHANNELS)] if norm else []) + [phi()]

    blocks = [layer(CHANNELS, 1) for _ in range(depth - 1)]
    rest = [Residual(*block) for block in blocks] if residual else [one for block in blocks for one in block]
    return nn.Sequential(
        *layer(1, 2), *rest, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * CHANNELS, 10)
    )  # fmt: skip


def transformer(depth: int, norm_first: bool) -> nn.Module:
    layers: list[nn.Module] = [
        nn.TransformerEncoderLayer(TOKEN, 4, TOKEN, 0.0, "gelu", batch_first=True, norm_first=norm_first)
        for _ in range(depth)
    ]
    return Rows(nn.Sequential(*layers, *([nn.LayerNorm(TOKEN)] if norm_first else [])), position=True)


def lstm(depth: int) -> nn.Module:
    return Rows(nn.LSTM(TOKEN, TOKEN, depth, batch_first=True), position=False)


FAMILIES: dict[str, tuple[Callable[[int], nn.Module], tuple[int, ...]]] = {
    "dense": (lambda d: dense(d, nn.ReLU), (4, 12, 24)),
    "dense_tanh": (lambda d: dense(d, nn.Tanh), (4, 12, 24)),
    "dense_norm": (lambda d: dense(d, nn.ReLU, norm=True), (4, 12, 24)),
    "cnn": (lambda d: conv(d, nn.ReLU, norm=False, residual=False), (4, 8, 14)),
    "cnn_tanh": (lambda d: conv(d, nn.Tanh, norm=False, residual=False), (4, 8, 14)),
    "cnn_norm": (lambda d: conv(d, nn.ReLU, norm=True, residual=False), (4, 8, 14)),
    "residual": (lambda d: conv(d, nn.ReLU, norm=False, residual=True), (4, 8, 14)),
    "residual_norm": (lambda d: conv(d, nn.ReLU, norm=True, residual=True), (4, 8, 14)),
    "pre_ln": (lambda d: transformer(d, norm_first=True), (2, 4, 8)),
    "post_ln": (lambda d: transformer(d, norm_first=False), (2, 4, 8)),
    "lstm": (lstm, (1, 2, 4)),
}


def normal(std: float) -> Callable[[Tensor], object]:
    return lambda w: nn.init.normal_(w, 0, std)


DRAWS: dict[str, Callable[[Tensor], object]] = {
    "kaiming": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "xavier": nn.init.xavier_normal_,
    "normal_0.01": normal(0.01),
    "normal_0.1": normal(0.1),
    "normal_1": normal(1.0),
    "orthogonal": nn.init.orthogonal_,
    "kaiming_x2": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu").mul_(2),
}
INITS = ("torch_default", *DRAWS)


def matrices(module: nn.Module) -> Iterator[Tensor]:
    """Every weight matrix or kernel: packed projections and the gates of an LSTM one by one."""
    for name, weight in module.named_parameters():
        if weight.dim() < 2 or name.endswith("position"):
            continue
        packed = 3 if name.endswith("in_proj_weight") else 4 if "_ih_l" in name or "_hh_l" in name else 1
        yield from weight.detach().chunk(packed)


def drawn(family: str, depth: int, init: str, seed: int) -> nn.Module:
    """torch_default: as the constructor leaves it; else every matrix by `init`, biases 0, norms and positions as they
    were."""
    torch.manual_seed(seed)
    net = FAMILIES[family][0](depth)
    redraw(net, init)
    return net


def redraw(net: nn.Module, init: str) -> None:
    if init == "torch_default":
        return
    norms = (nn.LayerNorm, nn.BatchNorm2d)
    with torch.no_grad():
        for weight in matrices(net):
            DRAWS[init](weight)
        for module in net.modules():
            for name, p in module.named_parameters(recurse=False):
                if "bias" in name and not isinstance(module, norms):
                    p.zero_()
