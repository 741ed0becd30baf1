"""The neuron against the published program, in NumPy, and against finite differences."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pytest
import torch

from initlab.errors import UserError
from initlab.init import Given, initialize
from initlab.models import Neuron

X = torch.tensor([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], dtype=torch.float64)
Y = torch.tensor([[0], [1], [1], [0]], dtype=torch.float64)
START = [-0.16595599, 0.44064899, -0.99977125]


def trained(derivative: str, steps: int, lr: float = 4.0, start: Sequence[float] = START) -> Neuron:
    """With torch's own optimiser and loss, which cost less than ours while shapes are checked."""
    model = Neuron(3, derivative=derivative).double()
    initialize(model, Given(weights=[[list(start)]]))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (torch.nn.functional.mse_loss(model(X), Y) / 2).backward()
        optimizer.step()
    return model


def program(derivative: str) -> Iterator[np.ndarray]:
    """The weights after each step of the published program."""
    rows, targets = X.numpy(), Y.numpy()
    w = np.array(START)[:, None]
    while True:
        output = np.tanh(rows @ w)
        slope = 1 - (np.tanh(output) if derivative == "published" else output) ** 2
        w = w + rows.T @ ((targets - output) * slope)
        yield w.ravel()


@pytest.mark.parametrize("derivative", ["published", "correct"])
def test_each_step_is_that_of_the_program_in_numpy(derivative: str) -> None:
    w = np.random.RandomState(1).random((3, 1)) * 2 - 1
    assert w.ravel().tolist() == pytest.approx(START, abs=5e-9)
    w = next(islice(program(derivative), 49, None))
    # 50 steps may each add a rounding of 2^-53, and jumping to and fro makes none of them larger.
    np.testing.assert_allclose(trained(derivative, 50).net.weight.detach().numpy().ravel(), w, rtol=1e-12)


@pytest.mark.parametrize(
    ("derivative", "end", "answer"),
    [
        ("published", [5.39428067, 0.19482422, 0.34317086], 0.99995873),
        ("correct", [3.60638076, -0.18254828, -0.32370821], 0.99852685),
    ],
)
def test_ten_thousand_steps_end_at_the_printed_digits(derivative: str, end: list[float], answer: float) -> None:
    """The program's steps to 9,900, then the neuron's own."""
    steps = program(derivative)
    model = trained(derivative, 100, start=next(islice(steps, 9_899, None)).tolist())
    assert next(islice(steps, 99, None)).tolist() == pytest.approx(end, abs=5e-9)  # eight digits behind the point
    assert model.net.weight.flatten().tolist() == pytest.approx(end, abs=5e-9)
    assert model(torch.tensor([[1.0, 0, 0]]).double()).item() == pytest.approx(answer, abs=5e-9)


def test_only_the_correct_gradient_is_that_of_the_loss() -> None:
    for derivative, same in (("correct", True), ("published", False)):
        model = Neuron(3, derivative=derivative).double()
        w = model.net.weight
        model.loss(model(X), Y).backward()
        by_differences = []
        for i in range(3):
            e = torch.zeros(1, 3, dtype=torch.float64)
            e[0, i] = 1e-6
            ends = [model.loss(torch.tanh(X @ (w.detach() + s * e).T), Y).item() for s in (1, -1)]
            by_differences.append((ends[0] - ends[1]) / 2e-6)
        assert w.grad is not None
        close = torch.allclose(w.grad, torch.tensor([by_differences], dtype=torch.float64), rtol=0, atol=1e-9)
        assert close == same


def test_the_step_of_the_program_is_too_long_for_the_curvature() -> None:
    """At 0 the curvature of w1 and w2 is that of [[1, 1], [1, 2]]: the step must be below 2 / 2.618 = 0.764."""
    for lr, jumps in ((4.0, True), (4 * 0.75, False)):
        model = trained("correct", 999, lr)
        before = model.net.weight[0].tolist()
        w = trained("correct", 1, lr, start=before).net.weight[0, 1:].detach()
        if jumps:
            assert (torch.tensor(before[1:]).sign() == -w.sign()).all()
            assert w.abs().min() > 0.15
        else:
            assert w.abs().max() < 1e-3


def test_what_is_no_neuron() -> None:
    with pytest.raises(UserError, match=r"model.derivative=right: must be one of correct, published"):
        Neuron(3, derivative="right")
    with pytest.raises(UserError, match="it has one output, the data have 2"):
        Neuron(3, 2)
