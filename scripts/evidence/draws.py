"""Deep networks drawn many times over, and nothing else done with them: what the forecast's bands are held against.

A draw of weights serves all activations at once: schemes that follow the activation's gain differ by a factor. Rows of
all activations go through a layer as one matrix product; the way back is written out, and the gradient is scaled to 1
at each layer, so that no number of float32 is too small for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from initlab.forecasting.measure import a_batch
from initlab.init import Scheme
from initlab.nn import activation_function
from initlab.seeds import generator
from initlab.theory import Inputs

CLASSES = 10
NARROW = 512  # up to this width in float64: signals down to 1e-62


@torch.no_grad()
def draw_networks(
    schemes: Mapping[str, Scheme], inputs: Inputs, width: int, depth: int, draws: int, batch: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For the networks 784, depth x width, 10 with each activation, drawn by its scheme; all schemes of one class.

    Returns std [draws, activations, depth + 1] of each dense layer's output over units and the inputs of a batch, which
    each draw has of its own; log g, the logarithm of the std of the gradient there, of a cross-entropy of random
    classes; and how alike two inputs are there, the mean of z . z' over pairs and that of z . z.
    """
    torch.set_flush_denormal(True)  # or the saturated units of a deep tanh cost ten times the rest
    dtype = torch.float64 if width <= NARROW else torch.float32
    rng = generator("draws", seed)
    sizes = list(pairwise([784, *[width] * depth, CLASSES]))
    found = []
    for _ in range(draws):
        X = a_batch(inputs, 784, rng, batch).to(dtype)
        y = torch.nn.functional.one_hot(torch.randint(CLASSES, (batch,), generator=rng), CLASSES)
        found.append(_one_draw(schemes, X.expand(len(schemes), -1, -1), y, sizes, rng))
    std, back, alike = (np.array(of_all) for of_all in zip(*found, strict=True))
    return std, back, alike


def _one_draw(
    schemes: Mapping[str, Scheme], H: Tensor, y: Tensor, sizes: list[tuple[int, int]], rng: torch.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    names, layers = list(schemes), len(sizes)
    functions = [activation_function(name) for name in names]
    std, back, alike, weights, slopes = [], [], [], [], []
    for i, (fan_in, fan_out) in enumerate(sizes):
        here = [scheme.at(i, layers) for scheme in schemes.values()]
        W = torch.empty(fan_out, fan_in)
        here[0].weight_(W, 1.0, rng)
        W = W.to(H.dtype)
        unit = here[0].weight_std(fan_in, fan_out, 1.0)
        factors = [s.weight_std(fan_in, fan_out, f.gain) / unit for s, f in zip(here, functions, strict=True)]
        biases = torch.zeros(len(names), 1, fan_out)
        for bias, scheme in zip(biases, here, strict=True):
            scheme.bias_(bias[0], fan_in, rng)
        Z = H @ W.T
        scale = torch.tensor(factors, dtype=H.dtype)
        if here[0].unit_signal:
            found = Z.std((1, 2))
            scale = torch.where((found - 1).abs() > here[0].tolerance, 1 / found, torch.ones_like(found))  # type: ignore[attr-defined]
        Z = Z * scale[:, None, None] + biases.to(H.dtype)
        std.append(Z.double().std((1, 2)).numpy())
        alike.append(_alike(Z.double()))
        if i < layers - 1:
            H = torch.stack([f.value(z) for f, z in zip(functions, Z, strict=True)])
            slopes.append(torch.stack([f.derivative(z) for f, z in zip(functions, Z, strict=True)]))
        weights.append((W, scale))
    G = torch.softmax(Z, -1) - y
    log = G.double().std((1, 2)).log()
    G = G / log.exp()[:, None, None].to(G.dtype)
    back.append(log.numpy())
    for (W, scale), slope in zip(weights[:0:-1], slopes[::-1], strict=True):
        G = (G @ W) * slope * scale[:, None, None]
        size = G.double().std((1, 2))
        log = log + size.log()
        G = G / torch.where(size > 0, size, 1.0)[:, None, None].to(G.dtype)
        back.append(log.numpy())
    return np.stack(std, 1), np.stack(back[::-1], 1), np.stack(alike, 1)


def _alike(Z: Tensor) -> np.ndarray:
    """[activations], of Z [activations, inputs, units]."""
    Z = Z / Z.abs().amax((1, 2), keepdim=True).clamp(min=torch.finfo(Z.dtype).tiny)
    whole, own = Z.sum(1).square().sum(1), Z.square().sum((1, 2))
    return ((whole - own) / (Z.shape[1] - 1) / own).numpy()
