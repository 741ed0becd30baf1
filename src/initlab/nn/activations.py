"""Activation functions: value, derivative, and the gain that keeps the size of a signal."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from initlab.checks.rules import check

Elementwise = Callable[[Tensor], Tensor]

LEAKY_SLOPE = 0.01  # torch's default; Maas et al. 2013
# E[phi(z)^2], z ~ N(0, 1). GELU: E[z^2 Phi^2] = E[Phi^2] + E[2 z Phi phi], and Phi(z) is uniform on (0, 1).
GELU_SECOND_MOMENT = 1 / 3 + 1 / (2 * math.pi * math.sqrt(3))
# SiLU: no closed form known to us; 100-point Gauss-Hermite quadrature, right to the last digit given.
SILU_SECOND_MOMENT = 0.355775519817352


@dataclass(frozen=True)
class ActivationFunction:
    """One elementwise function phi.

    `value` and `derivative` map a tensor to one of the same shape and have their limits, never nan, at +-inf.
    `gain` is the factor that weights of variance gain^2 / fan_in need: `torch.nn.init.calculate_gain` where
    that knows the function, else 1 / sqrt(E[phi(z)^2]), z ~ N(0, 1). `kinks` are the points where phi has no
    derivative; there `derivative` is what torch's autograd takes. `torch_module` builds torch's own layer.
    `derivative_from_value` is phi'(x) as a function of phi(x), where that is known and saves work; `in_place` is phi
    written over x, for functions whose slope then does without x.
    """

    name: str
    value: Elementwise
    derivative: Elementwise
    gain: float
    torch_module: Callable[[], nn.Module]
    kinks: tuple[float, ...] = ()
    derivative_from_value: Elementwise | None = None
    in_place: Elementwise | None = None

    def slope(self, x: Tensor, value: Tensor) -> Tensor:
        """phi'(x), where `value` = phi(x) is at hand."""
        return self.derivative(x) if self.derivative_from_value is None else self.derivative_from_value(value)


def _finite(x: Tensor) -> Tensor:
    """+-inf as the largest finite numbers: times a factor that vanished they are 0, not inf * 0 = nan."""
    return x.clamp(torch.finfo(x.dtype).min, torch.finfo(x.dtype).max)


def _not_minus_inf(x: Tensor) -> Tensor:
    return x.clamp(min=torch.finfo(x.dtype).min)


def _relu_derivative(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)  # 0 at 0


def _leaky_relu(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, LEAKY_SLOPE)  # x where x > 0, else slope * x


def _leaky_relu_derivative(x: Tensor) -> Tensor:
    return torch.ones_like(x).where(x > 0, LEAKY_SLOPE)  # the slope at 0


def _tanh_slope(t: Tensor) -> Tensor:
    return 1 - t.square()


def _tanh_derivative(x: Tensor) -> Tensor:
    return _tanh_slope(torch.tanh(x))


def _sigmoid_slope(s: Tensor) -> Tensor:
    return s * (1 - s)


def _sigmoid_derivative(x: Tensor) -> Tensor:
    return _sigmoid_slope(torch.sigmoid(x))


def _gelu(x: Tensor) -> Tensor:
    """x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016, the exact form)."""
    return _not_minus_inf(x) * torch.special.ndtr(x)


def _gelu_derivative(x: Tensor) -> Tensor:
    """Phi(x) + x Phi'(x)."""
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    return torch.special.ndtr(x) + _finite(x) * density


def _silu(x: Tensor) -> Tensor:
    """x sigmoid(x) (Elfwing et al. 2018; "swish-1")."""
    return _not_minus_inf(x) * torch.sigmoid(x)


def _silu_derivative(x: Tensor) -> Tensor:
    """s + x s (1 - s), s = sigmoid(x)."""
    s = torch.sigmoid(x)
    return s + _finite(x) * (s * (1 - s))


def _identity(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: dict[str, ActivationFunction] = {
    phi.name: phi
    for phi in (
        ActivationFunction(
            "relu", torch.relu, _relu_derivative, math.sqrt(2), nn.ReLU, (0.0,), torch.sign, torch.relu_
        ),
        ActivationFunction(
            "leaky_relu",
            _leaky_relu,
            _leaky_relu_derivative,
            math.sqrt(2 / (1 + LEAKY_SLOPE**2)),
            nn.LeakyReLU,
            kinks=(0.0,),
        ),
        ActivationFunction("tanh", torch.tanh, _tanh_derivative, 5 / 3, nn.Tanh, (), _tanh_slope, torch.tanh_),
        ActivationFunction(
            "sigmoid", torch.sigmoid, _sigmoid_derivative, 1.0, nn.Sigmoid, (), _sigmoid_slope, torch.sigmoid_
        ),
        ActivationFunction("gelu", _gelu, _gelu_derivative, GELU_SECOND_MOMENT**-0.5, nn.GELU),
        ActivationFunction("silu", _silu, _silu_derivative, SILU_SECOND_MOMENT**-0.5, nn.SiLU),
        ActivationFunction("identity", _identity, torch.ones_like, 1.0, nn.Identity),
    )
}


def activation_function(name: str) -> ActivationFunction:
    """The function of that name, or a `UserError` that lists the names there are."""
    check("model.activation", name)
    return ACTIVATIONS[name]


class Activation(nn.Module):
    """Apply a function by its name in `ACTIVATIONS`, in our own form of it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = activation_function(name)

    def forward(self, X: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return self.function.value(X)

    def extra_repr(self) -> str:
        return self.function.name
