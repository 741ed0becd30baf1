import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional as F

from initlab.checks.rules import ACTIVATION_NAMES
from initlab.errors import UserError
from initlab.nn import ACTIVATIONS, Activation, activation_function

TORCHS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "silu": F.silu,
    "identity": lambda x: x,
}
INF = math.inf
# name: value at -inf, value at inf, derivative at -inf, derivative at inf
LIMITS = {
    "relu": (0, INF, 0, 1),
    "leaky_relu": (-INF, INF, 0.01, 1),
    "tanh": (-1, 1, 0, 0),
    "sigmoid": (0, 1, 0, 0),
    "gelu": (0, INF, 0, 1),
    "silu": (0, INF, 0, 1),
    "identity": (-INF, INF, 1, 1),
}
every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


def grid(dtype: torch.dtype) -> Tensor:
    """Even steps through 0, where the kinks are, and numbers whose square or exponential overflows."""
    extremes = torch.tensor([-1e30, -1e4, -100, 100, 1e4, 1e30], dtype=dtype)
    return torch.cat([torch.linspace(-10, 10, 401, dtype=dtype), torch.zeros(1, dtype=dtype), extremes])


def derivative_by_autograd(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x).sum(), x)[0]


def test_the_names_are_those_of_the_rules() -> None:
    assert tuple(ACTIVATIONS) == ACTIVATION_NAMES == tuple(TORCHS)


@every_activation
# 1 + erf in torch's float32 GELU loses what is below 1e-7 of 1, times |x| up to 6.
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_value_and_derivative_equal_torchs(name: str, dtype: torch.dtype, atol: float) -> None:
    x, phi = grid(dtype), ACTIVATIONS[name]
    close = {"rtol": 10 * torch.finfo(dtype).eps, "atol": atol}
    torch.testing.assert_close(phi.value(x), TORCHS[name](x), **close)
    torch.testing.assert_close(phi.derivative(x), derivative_by_autograd(TORCHS[name], x), **close)
    torch.testing.assert_close(phi.derivative(x), derivative_by_autograd(phi.value, x), **close)


@every_activation
def test_at_a_kink_the_derivative_is_autograds(name: str) -> None:
    for kink in ACTIVATIONS[name].kinks:
        x = torch.tensor([kink])
        assert torch.equal(ACTIVATIONS[name].derivative(x), derivative_by_autograd(ACTIVATIONS[name].value, x))


@every_activation
def test_kinks_are_where_the_one_sided_slopes_differ(name: str) -> None:
    h, phi = 1e-6, ACTIVATIONS[name]
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)
    left, right = (phi.value(x) - phi.value(x - h)) / h, (phi.value(x + h) - phi.value(x)) / h
    # A smooth function's slopes differ by phi'' h, and |phi''| < 1 here; a kink's by a number near 1.
    assert tuple(x[(right - left).abs() > 1e-3].tolist()) == phi.kinks


@every_activation
def test_limits_at_infinity(name: str) -> None:
    x = torch.tensor([-INF, INF])
    phi = ACTIVATIONS[name]
    assert (*phi.value(x).tolist(), *phi.derivative(x).tolist()) == pytest.approx(LIMITS[name])


@every_activation
def test_gain(name: str) -> None:
    """calculate_gain where torch has the function, else a trapezoid rule over 28 standard deviations."""
    torchs_name = {"identity": "linear"}.get(name, name)
    if name not in ("gelu", "silu"):
        assert ACTIVATIONS[name].gain == pytest.approx(torch.nn.init.calculate_gain(torchs_name), rel=1e-15)
        return
    with pytest.raises(ValueError, match="Unsupported"):
        torch.nn.init.calculate_gain(torchs_name)
    z = np.linspace(-14, 14, 28_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    second_moment = np.trapezoid(density * TORCHS[name](torch.from_numpy(z)).numpy() ** 2, z)
    assert ACTIVATIONS[name].gain == pytest.approx(second_moment**-0.5, rel=1e-12)


@every_activation
def test_module_equals_torchs_module(name: str) -> None:
    X = torch.randn(6, 5)
    torch.testing.assert_close(Activation(name)(X), ACTIVATIONS[name].torch_module()(X), rtol=1e-5, atol=1e-7)
    assert repr(Activation(name)) == f"Activation({name})"


@every_activation
def test_works_under_vmap_and_grad(name: str) -> None:
    x = torch.linspace(-3, 3, 8)
    slope = vmap(grad(ACTIVATIONS[name].value))(x)
    torch.testing.assert_close(slope, ACTIVATIONS[name].derivative(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [activation_function, Activation])
def test_a_typo_is_answered_with_the_name_that_was_meant(make: Callable[[str], object]) -> None:
    with pytest.raises(UserError, match=r"model\.activation=rleu.*leaky_relu.*did you mean relu\?"):
        make("rleu")
