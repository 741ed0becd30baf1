"""Several models as one: layers, losses and the chain with a leading dimension, and when that is faster."""

from itertools import pairwise

import pytest
import torch

from initlab.nn import (
    Activation,
    Chain,
    Linear,
    cross_entropy,
    cross_entropy_and_gradient,
    squared_error,
    squared_error_and_gradient,
)
from initlab.population.pays import GAIN, work_of

MODELS, BATCH = 3, 17


def network(weights: list[torch.Tensor], biases: list[torch.Tensor | None]) -> list[torch.nn.Module]:
    """Dense layers of these very weights, a tanh between two."""
    modules: list[torch.nn.Module] = []
    for W, b in zip(weights, biases, strict=True):
        layer = Linear(W.shape[-1], W.shape[-2], bias=b is not None)
        layer.weight = torch.nn.Parameter(W.clone())
        if b is not None:
            layer.bias = torch.nn.Parameter(b.clone())
        modules += [layer, Activation("tanh")]
    return modules[:-1]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("same_rows", [True, False])
@pytest.mark.parametrize("task", ["classes", "numbers"])
@pytest.mark.parametrize("by_hand", [True, False])
def test_each_model_of_a_stack_is_the_model_alone_whatever_the_others_are(
    task: str, same_rows: bool, bias: bool, by_hand: bool
) -> None:
    """Outputs, losses, gradients. The second model is nan. float64 sums of 17 products, in any order."""
    torch.manual_seed(0)
    sizes = [5, 4, 3]
    weights = [torch.randn(MODELS, o, i, dtype=torch.float64) for i, o in pairwise(sizes)]
    biases = [torch.randn(MODELS, o, dtype=torch.float64) if bias else None for o in sizes[1:]]
    weights[0][1] = float("nan")
    X = torch.randn(1 if same_rows else MODELS, BATCH, 5, dtype=torch.float64)
    y = torch.randint(0, 3, X.shape[:2]) if task == "classes" else torch.randn(*X.shape[:2], 3, dtype=torch.float64)
    loss_of = cross_entropy if task == "classes" else squared_error
    both_of = cross_entropy_and_gradient if task == "classes" else squared_error_and_gradient

    stacked = network(weights, biases)
    of_all = y.expand(MODELS, *y.shape[1:])
    if by_hand:
        chain = Chain(stacked)
        for _ in range(2):  # the second time into memory that is there
            for layer in stacked[::2]:
                layer.zero_grad()
            y_hat = chain.forward(X)
            losses, gradient = both_of(y_hat, of_all)
            chain.backward(gradient)
    else:
        y_hat = torch.nn.Sequential(*stacked)(X)
        losses = loss_of(y_hat, of_all)
        losses.sum().backward()

    assert losses.shape == (MODELS,)
    for j in (0, 2):
        alone = network([W[j] for W in weights], [b if b is None else b[j] for b in biases])
        own = 0 if same_rows else j
        expected = torch.nn.Sequential(*alone)(X[own])
        loss = loss_of(expected, y[own])
        loss.backward()
        torch.testing.assert_close(y_hat[j], expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(losses[j], loss, rtol=0, atol=1e-12)
        for ours, its in zip(stacked[::2], alone[::2], strict=True):
            for name, parameter in its.named_parameters():
                torch.testing.assert_close(ours.get_parameter(name).grad[j], parameter.grad, rtol=0, atol=1e-12)
    assert losses[1].isnan()


@pytest.mark.parametrize(
    ("network", "batch_size", "same_rows", "own_rows"),
    [
        ([2, 1], 32, True, True),
        ([784, 10], 256, True, False),
        ([784, 256, 10], 256, False, False),
        ([784, *[64] * 5, 10], 128, True, True),
        ([784, *[32] * 5, 10], 64, True, True),
    ],
)
def test_what_trains_faster_as_a_stack_as_measured(
    network: list[int], batch_size: int, same_rows: bool, own_rows: bool
) -> None:
    """The table of docs/performance.md: the sign of each ratio."""
    work = work_of([(o, i) for i, o in pairwise(network)], batch_size)
    for number in (8, 64):
        assert (work.gain(number, same_rows=True) >= GAIN, work.gain(number, same_rows=False) >= GAIN) == (
            same_rows, own_rows
        )  # fmt: skip
