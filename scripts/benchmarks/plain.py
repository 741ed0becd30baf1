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
    """On the device of the data. `way`: autograd, by_hand, cuda_graph, compiled; from a network to an epoch of it."""
    X, y, X_val, y_val = data

    def run() -> tuple[float, float]:
        net = network(model).to(X.device)
        train = way(net)
        start = time.perf_counter()
        for _ in range(epochs):
            train(X, y, torch.randperm(len(X), device=X.device))
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
    step = _step(net)

    def epoch(X: Tensor, y: Tensor, order: Tensor) -> None:
        for batch in order.split(BATCH_SIZE):
            step(X, y, batch)

    return epoch


def cuda_graph(net: nn.Sequential) -> Epoch:
    """The same step as one CUDA graph: recorded after three steps on a stream of their own, then launched whole."""
    step, graph = _step(net), torch.cuda.CUDAGraph()
    rows: Tensor | None = None  # of the batch, where the graph looks for them

    def record(X: Tensor, y: Tensor, rows: Tensor) -> None:
        stream: Any = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                step(X, y, rows)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph, stream=stream):
            step(X, y, rows)

    def epoch(X: Tensor, y: Tensor, order: Tensor) -> None:
        nonlocal rows
        for batch in order.split(BATCH_SIZE):
            if rows is None:
                rows = batch.clone()
                record(X, y, rows)
            if len(batch) == BATCH_SIZE:
                rows.copy_(batch)
                graph.replay()
            else:
                step(X, y, batch)

    return epoch


def compiled(net: nn.Sequential) -> Epoch:
    """The same step, the network by torch.compile; compiled before the clock starts, for whole batches."""
    step, quick = _step(net), _step(net, torch.compile(net, dynamic=False))
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    first = next(net.parameters())  # [outputs, inputs]
    rows = torch.arange(BATCH_SIZE, device=first.device)
    quick(first.new_zeros(BATCH_SIZE, first.shape[1]), torch.zeros_like(rows), rows)
    net.load_state_dict(before)

    def epoch(X: Tensor, y: Tensor, order: Tensor) -> None:
        for batch in order.split(BATCH_SIZE):
            (quick if len(batch) == BATCH_SIZE else step)(X, y, batch)

    return epoch


def _step(
    net: nn.Sequential, forward: Callable[[Tensor], Tensor] | None = None
) -> Callable[[Tensor, Tensor, Tensor], None]:
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    forward = forward or net

    def step(X: Tensor, y: Tensor, batch: Tensor) -> None:
        optimizer.zero_grad()
        F.cross_entropy(forward(X[batch]), y[batch]).backward()
        optimizer.step()

    return step


def by_hand(net: nn.Sequential) -> Epoch:
    """What a step cannot do without: the chain rule through dense layers with ReLU between them, every signal written
    into memory that is there, and every gradient added to its weights as it is computed. The loss itself is not."""
    layers = [(layer.weight.detach(), layer.bias.detach()) for layer in net if isinstance(layer, nn.Linear)]
    widths = [layers[0][0].shape[1], *(len(b) for _, b in layers)]
    device = layers[0][0].device
    signals = [torch.empty(BATCH_SIZE, width, device=device) for width in widths]
    gradients = [torch.empty(BATCH_SIZE, width, device=device) for width in widths]
    minus_one = torch.full((BATCH_SIZE, 1), -1.0, device=device)

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
                    d = below.mul_(H[i].sign_())  # ReLU's slope: its output is 0 or above

    return epoch
