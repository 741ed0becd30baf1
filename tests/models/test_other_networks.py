"""The two networks of torch's layers, against the same written with torch.nn.functional."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch.nn import functional as F

from initlab.data.batches import Batches
from initlab.errors import UserError
from initlab.models import ConvNet, Transformer


def images(side: int = 9) -> torch.Tensor:
    return torch.randn(5, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize(("residual", "scale"), [(False, 1.0), (True, 0.5)])
def test_a_conv_net_is_convolutions_normalisation_activation_and_sums(norm: str, residual: bool, scale: float) -> None:
    net = ConvNet(81, 3, depth=3, channels=4, norm=norm, residual=residual, branch_scale=scale, activation="tanh")
    X = images()
    x = X.unsqueeze(1)
    for n, layer in enumerate(net.layers):
        h = F.conv2d(x, layer.weight, layer.bias, stride=1 if n else 2, padding=1)  # type: ignore[arg-type]
        if norm == "batch":
            h = (h - h.mean((0, 2, 3), keepdim=True)) / (h.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        h = h.tanh()
        x = x + scale * h if residual and n else h
    grid = torch.stack([x[..., i : i + 3, j : j + 3].mean((2, 3)) for i in (0, 2) for j in (0, 2)], -1)  # of 5 x 5
    torch.testing.assert_close(net(X), grid.flatten(1) @ net.readout.weight.T + net.readout.bias)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_transformer_reads_rows(norm_first: bool) -> None:
    net = Transformer(81, 3, depth=1, width=8, norm_first=norm_first).eval()
    (layer,), X = net.layers, images()
    x = X @ net.embed.weight.T + net.embed.bias + net.position

    def attention(x: torch.Tensor) -> torch.Tensor:
        q, k, v = F.linear(x, layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias).chunk(3, -1)  # type: ignore
        q, k, v = (part.unflatten(-1, (4, 2)).transpose(1, 2) for part in (q, k, v))
        mixed = ((q @ k.mT / 2**0.5).softmax(-1) @ v).transpose(1, 2).flatten(2)
        return layer.self_attn.out_proj(mixed)  # type: ignore

    def dense(x: torch.Tensor) -> torch.Tensor:
        return layer.linear2(F.gelu(layer.linear1(x)))  # type: ignore

    def normal(x: torch.Tensor) -> torch.Tensor:  # scale 1, shift 0, as they begin
        return F.layer_norm(x, (8,))

    if norm_first:
        x = x + attention(normal(x))
        x = normal(x + dense(normal(x)))
    else:
        x = normal(x + attention(x))
        x = normal(x + dense(x))
    torch.testing.assert_close(net(X), net.readout(x.mean(1)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [ConvNet, Transformer])
def test_it_trains_and_its_checkpoint_loads_alone(kind: Any, fit: Callable[..., Any], tmp_path: Path) -> None:
    X = images().repeat(8, 1, 1)
    data = L.LightningDataModule()
    data.train_dataloader = lambda: Batches(X, torch.arange(40) % 3, 20, seed=0)  # type: ignore[method-assign]
    net = kind(81, 3)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    trainer = fit(net, data)
    assert all(not torch.equal(p, before[name]) for name, p in net.named_parameters())
    trainer.save_checkpoint(tmp_path / "net.ckpt")
    torch.load(tmp_path / "net.ckpt", weights_only=True)
    again = kind.load_from_checkpoint(tmp_path / "net.ckpt")
    torch.testing.assert_close(again.eval()(X), net.eval()(X), rtol=0, atol=0)


def test_what_cannot_be_gets_one_sentence() -> None:
    with pytest.raises(UserError, match="its images are square, and 80 numbers are none"):
        ConvNet(80, 3)
    with pytest.raises(UserError, match=r"model\.width=30: must be a multiple of 4"):
        Transformer(81, 3, width=30)
    with pytest.raises(UserError, match=r"model\.norm=layer"):
        ConvNet(81, 3, norm="layer")
