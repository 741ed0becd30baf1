"""Where |phi'| is under 5 % of its maximum."""

import copy
import gc
import math
import weakref
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from initlab.monitor.saturation import saturation_of
from initlab.nn import ACTIVATIONS, Activation

TORCH = [
    nn.ReLU(), nn.ReLU(inplace=True), nn.LeakyReLU(0.01), nn.LeakyReLU(0.2), nn.ELU(), nn.SELU(), nn.GELU(),
    nn.GELU("tanh"), nn.SiLU(), nn.SiLU(inplace=True), nn.Mish(), nn.Tanh(), nn.Sigmoid(), nn.Softplus(), nn.Softsign(),
    nn.Hardtanh(), nn.Hardswish(), nn.Hardsigmoid(), nn.ReLU6(), nn.LogSigmoid(), nn.Tanhshrink(), nn.Softshrink(),
]  # fmt: skip


def slopes(module: nn.Module, z: torch.Tensor) -> torch.Tensor:
    z = z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(copy.deepcopy(module)(z * 1).sum(), z)
    return slope.abs()


@pytest.mark.parametrize("module", [*TORCH, *map(Activation, ACTIVATIONS)], ids=str)
def test_the_share_is_what_autograd_says_entry_by_entry(module: nn.Module) -> None:
    saturation = saturation_of(module)
    assert saturation is not None
    g = torch.Generator().manual_seed(0)
    z = torch.cat([torch.randn(5000, generator=g, dtype=torch.float64) * s for s in (1, 5, 30)] + [torch.zeros(7)])
    largest = slopes(module, torch.linspace(-30, 30, 300_001, dtype=torch.float64)).max()
    expected = (slopes(module, z) < 0.05 * largest).sum().item()
    # the largest slope is found on a grid of 0.01 and so right to 1e-4: a few entries at the edge may differ
    assert saturation.count(z) == pytest.approx(expected, abs=3)


def test_closed_forms() -> None:
    z = torch.linspace(-8, 8, 16_001)
    limits = {
        "tanh": z.double().tanh().abs() > math.sqrt(0.95),
        "sigmoid": (z.double().sigmoid() - 0.5).abs() > math.sqrt(0.25 * 0.95),
        "relu": z <= 0,
        "leaky_relu": z <= 0,
        "identity": z > math.inf,
    }
    for name, expected in limits.items():
        saturation = saturation_of(Activation(name))
        assert saturation is not None
        assert saturation.count(z) == expected.sum()


def test_a_tiny_signal_is_not_saturated() -> None:
    saturation = saturation_of(nn.ReLU())
    assert saturation is not None
    assert saturation.count(torch.tensor([1e-38, -1e-38, 0.0])) == 2


def test_nan_is_not_saturated_and_other_layers_have_no_such_thing() -> None:
    saturation = saturation_of(nn.Tanh())
    assert saturation is not None
    assert saturation.count(torch.tensor([math.nan, 9.0, math.inf, -math.inf])) == 3
    assert all(saturation_of(m) is None for m in (nn.Linear(2, 2), nn.BatchNorm1d(2), nn.PReLU(), nn.Softmax(1)))


def test_a_layer_whose_derivative_knows_it_is_not_kept_alive() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slope = 0.5
            self.function = SimpleNamespace(derivative=lambda z: torch.where(z > 0, 1.0, 0.01 * self.slope))

    layer = Own()
    assert saturation_of(layer) is not None
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None
