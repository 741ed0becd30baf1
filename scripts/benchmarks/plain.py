"""The base of the others: a loop over tensors in memory that watches nothing but the validation accuracy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.learning import Training

LR, BATCH_SIZE = 0.1, 256
Epoch = Callable[[Tensor, Tensor, Tensor], None]  # trains on X, y in this order of their rows


def plain_loop(model: str, epochs: int, data: Any, way: Callable[[nn.Sequential], Epoch]) -> Training:
    """`way`: autograd or by_hand, from a network to an epoch of its training."""
    X, y, X_val, y_val = data

    def run() -> tuple[float, float]:
        net = network(model)
        train = way(net)
        start = time.perf_counter()
        for _ in range(epochs):
            train(X, y, torch.randperm(len(X)))
            with torch.no_grad():
                batches = zip(X_val.split(BATCH_SIZE), y_val.split(BATCH_SIZE), strict=True)
                right = float(sum((net(a).argmax(1) == b).sum() for a, b in batches))
        return (time.perf_counter() - start) / epochs, right / len(X_val)

    return run


def network(model: str) -> nn.Sequential:
    """torch's own, of flat images."""
    if model == "softmax":
        return nn.Sequential(nn.Linear(784, 10))
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def autograd(net: nn.Sequential) -> Epoch:
    """What anyone would write."""
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)

    def epoch(X: Tensor, y: Tensor, order: Tensor) -> None:
        for batch in order.split(BATCH_SIZE):
            optimizer.zero_grad()
            F.cross_entropy(net(X[batch]), y[batch]).backward()
            optimizer.step()

    return epoch


def by_hand(net: nn.Sequential) -> Epoch:
    """What a step cannot do without: the chain rule through dense layers with ReLU between them, every signal written
    into memory that is there, and every gradient added to its weights as it is computed. The loss itself is not."""
    layers = [(layer.weight.detach(), layer.bias.detach()) for layer in net if isinstance(layer, nn.Linear)]
    widths = [layers[0][0].shape[1], *(len(b) for _, b in layers)]
    signals = [torch.empty(BATCH_SIZE, width) for width in widths]
    gradients = [torch.empty(BATCH_SIZE, width) for width in widths]
    minus_one = torch.full((BATCH_SIZE, 1), -1.0)

    def epoch(X: Tensor, y: Tensor, order: Tensor) -> None:
        for batch in order.split(BATCH_SIZE):
            n = len(batch)
            H = [signal[:n] for signal in signals]  # the input of each layer, then the logits
            torch.index_select(X, 0, batch, out=H[0])
            for i, (W, b) in enumerate(layers):
                if i > 0:
                    H[i].relu_()
                torch.addmm(b, H[i], W.T, out=H[i + 1])
            d = torch.softmax(H[-1], 1, out=gradients[-1][:n])
            d.scatter_add_(1, y[batch, None], minus_one[:n]).mul_(-LR / n)  # -lr times d loss / d logits
            for i, (W, b) in reversed(list(enumerate(layers))):
                below = torch.mm(d, W, out=gradients[i][:n]) if i > 0 else d  # by the weights as they were
                W.addmm_(d.T, H[i])
                b.add_(d.sum(0))
                if i > 0:
                    d = below.mul_(H[i].sign_())  # ReLU's slope: what it put out is 0 or above

    return epoch
