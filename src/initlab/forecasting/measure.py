"""The same figures from real weights: what the theory is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from initlab.init import Scheme, initialize
from initlab.nn import Activation, Linear, cross_entropy
from initlab.seeds import generator
from initlab.theory.elementwise import Array
from initlab.theory.inputs import Inputs

BATCH = 256  # rows


@dataclass(frozen=True)
class Measured:
    """Of n networks drawn: arrays [n, layers], the output layer last.

    std:      of all entries of a layer's output, batch and units together, as the monitor has it.
    backward: std of the gradient with respect to it, over that of the last layer before the output.
    """

    std: Array
    backward: Array


class DenseNetwork(nn.Module):
    """Dense layers with an activation between them, as `initlab.models.MLP`, without Lightning."""

    def __init__(self, widths: Sequence[int], activation: str, bias: bool) -> None:
        super().__init__()
        self.activation = activation
        self.layers = nn.ModuleList(Linear(i, o, bias) for i, o in pairwise(widths))
        self.phi = Activation(activation)

    def outputs(self, X: Tensor) -> list[Tensor]:
        """z of every layer."""
        found: list[Tensor] = []
        for layer in self.layers:
            found.append(layer(self.phi(found[-1]) if found else X))
        return found

    def forward(self, X: Tensor) -> Tensor:
        return self.outputs(X)[-1]


def measure(
    scheme: Scheme,
    activation: str,
    widths: Sequence[int],
    inputs: Inputs | Tensor,
    draws: int,
    *,
    bias: bool = True,
    seed: int = 0,
) -> Measured:
    """Draw the network `draws` times, pass one batch forwards and a cross-entropy of random classes back.

    `inputs`: rows [n, widths[0]], or moments, for which each draw has a batch of its own: what a layer of random
    weights makes of its inputs depends on them through nothing else.
    """
    rng = generator("forecast", seed)
    dtype = torch.float64  # signals down to 1e-150
    std, backward = [], []
    net = DenseNetwork(widths, activation, bias).to(dtype)
    for _ in range(draws):
        X = inputs.flatten(1).to(dtype) if isinstance(inputs, Tensor) else a_batch(inputs, widths[0], rng)
        y = torch.randint(widths[-1], (len(X),), generator=rng)
        initialize(net, scheme, generator=rng, batch=partial(Tensor.clone, X))
        found = net.outputs(X)
        for z in found:
            z.retain_grad()
        (cross_entropy(found[-1], y) if widths[-1] > 1 else found[-1].square().mean()).backward()
        gradients = [0.0 if z.grad is None else float(z.grad.std()) for z in found]
        std.append([float(z.detach().std()) for z in found])
        last = gradients[-2] if len(gradients) > 1 else np.nan
        backward.append([g / last if last else np.nan for g in gradients])
    return Measured(np.array(std), np.array(backward))


def a_batch(inputs: Inputs, num_inputs: int, rng: torch.Generator, rows: int = BATCH) -> Tensor:
    """Rows as `rows_with` has them, their sizes drawn from the groups at random."""
    groups = torch.randint(len(inputs.squares), (rows,), generator=rng).tolist()
    return rows_with(replace(inputs, squares=tuple(inputs.squares[i] for i in groups)), num_inputs, rng, rows)


def rows_with(inputs: Inputs, num_inputs: int, rng: torch.Generator, rows: int = BATCH) -> Tensor:
    """Rows of a Gaussian with the given second moments: sqrt(q) (sqrt(c) m +- sqrt(v) w + sqrt(1 - c - v) e), m and w
    common to all, the sign at random: c makes two rows alike on average, v makes some pairs more so than others."""
    square = torch.tensor(inputs.squares, dtype=torch.float64)
    root = square.repeat_interleave(-(-rows // len(square)))[:rows, None].sqrt()
    unequal = inputs.mean_square / float(square.sqrt().mean()) ** 2  # E[x . x'] as asked
    c = inputs.similarity * unequal
    v = min(max(inputs.overlap - inputs.similarity**2, 0.0) ** 0.5, 1 - min(max(c, 0.0), 1.0))
    m, w, e = (torch.randn(n, num_inputs, generator=rng, dtype=torch.float64) for n in (1, 1, rows))
    sign = 2.0 * torch.randint(2, (rows, 1), generator=rng) - 1
    X = max(c, 0.0) ** 0.5 * m + v**0.5 * sign * w + max(1 - max(c, 0.0) - v, 0.0) ** 0.5 * e
    return root * X / X.square().mean(1, keepdim=True).sqrt()
