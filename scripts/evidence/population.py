"""Many networks of one shape, trained as one stack.

Weights of M networks are one tensor [M, out, in], as `hydra/launcher=population` has them: the layers and losses are
those of `initlab.nn`, and the M losses are added up, so each network gets exactly the gradient that it would get alone.
They share the batches; their draws differ. Against a run of Lightning's each: the same mathematics without its 0.5 ms a
step, and rounding that differs. Numbers below 1e-38 are flushed to zero, for speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from initlab.forecasting.measure import DenseNetwork
from initlab.init import Scheme, initialize
from initlab.nn import activation_function, cross_entropy, products
from initlab.seeds import generator

BATCH = 64


def train_population(
    schemes: Sequence[tuple[Scheme, int]],
    activation: str,
    widths: Sequence[int],
    data: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
    steps: int,
) -> tuple[Tensor, Tensor]:
    """A network for each (scheme, seed of its draw): accuracy on held-out data, mean loss of the last 10 steps; [M]."""
    torch.set_flush_denormal(True)
    phi = activation_function(activation).value
    nets = []
    X, y = data
    for scheme, seed in schemes:
        net = DenseNetwork(widths, activation, bias=True)
        initialize(net, scheme, generator=generator("init", seed), batch=lambda: X[:256])
        nets.append(net)
    drawn = [dict(net.named_parameters()) for net in nets]

    def stacked(name: str) -> list[Tensor]:
        """Of each layer, that of every network; [M, ...]."""
        return [torch.stack([of[f"layers.{i}.{name}"].detach() for of in drawn]) for i in range(len(widths) - 1)]

    weights = [weight.requires_grad_() for weight in stacked("weight")]
    biases = [bias.requires_grad_() for bias in stacked("bias")]

    def logits(rows: Tensor) -> Tensor:
        H = rows[None]  # shared by all
        for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
            H = products(phi(H) if i else H, W, b)
        return H

    stepper = optimizer([*weights, *biases])
    losses = torch.zeros(len(nets))
    order = torch.randperm(len(X), generator=generator("order", 0)).split(BATCH)
    for step in range(steps):
        rows = order[step % (len(X) // BATCH)]
        loss = cross_entropy(logits(X[rows]), y[rows].expand(len(nets), -1))
        stepper.zero_grad()
        loss.sum().backward()
        stepper.step()
        if step >= steps - 10:
            losses += loss.detach() / 10
    with torch.no_grad():
        right = sum(
            (logits(part).argmax(-1) == target).sum(1)
            for part, target in zip(held_out[0].split(500), held_out[1].split(500), strict=True)
        )
    return right / len(held_out[1]), losses
