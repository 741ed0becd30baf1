"""An activation function as NumPy sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.nn import ActivationFunction, activation_function

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Elementwise:
    """phi and phi' on float64 arrays; `kinks`: where the derivative jumps, `gain`: the factor that init schemes ask of
    an activation; `known`: between its kinks it bends on the scale of 1 and nowhere else, as the named ones."""

    name: str
    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    kinks: tuple[float, ...] = ()
    gain: float = 1.0
    known: bool = False


def elementwise(
    phi: str | ActivationFunction | Callable[[Tensor], Tensor] | Elementwise,
    *,
    derivative: Callable[[Tensor], Tensor] | None = None,
    kinks: tuple[float, ...] = (0.0,),
) -> Elementwise:
    """From a name in `initlab.nn.ACTIVATIONS`, or any function of a tensor such as `lambda z: z.clamp(-1, 1)`.

    derivative: of a function of your own; None takes autograd's.
    kinks: of a function of your own: points where it or its derivative jumps. One that is not named is looked for,
        which takes longer; one too many costs nothing.

    A function of your own has the gain 1 / sqrt(E[phi(z)^2]), z ~ N(0, 1).
    """
    if isinstance(phi, Elementwise):
        return phi
    if isinstance(phi, str):
        phi = activation_function(phi)
    if isinstance(phi, ActivationFunction):
        return Elementwise(phi.name, _on_arrays(phi.value), _on_arrays(phi.derivative), phi.kinks, phi.gain, True)
    value = _on_arrays(phi)
    slope = _on_arrays(derivative or _autograd(phi))
    named = getattr(phi, "__name__", "")
    from initlab.theory.integrals import moments

    unscaled = Elementwise("", value, slope, kinks)
    gain = 1 / math.sqrt(float(moments(unscaled, np.ones(1)).square[0]) or 1.0)
    return Elementwise(named if named.isidentifier() else "your function", value, slope, kinks, gain)


def _on_arrays(function: Callable[[Tensor], Tensor]) -> Callable[[Array], Array]:
    def on_array(z: Array) -> Array:
        return function(torch.from_numpy(z)).detach().numpy()

    return on_array


def _autograd(phi: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def derivative(z: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            z = z.clone().requires_grad_()
            y: Any = phi(z * 1)  # z * 1: an in-place phi may not overwrite a leaf
            if not y.requires_grad:  # constant
                return torch.zeros_like(z)
            (slope,) = torch.autograd.grad(y.sum(), z)
        return slope

    return derivative
