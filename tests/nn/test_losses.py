import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import grad, vmap
from torch.nn import functional as F

from initlab.nn import cross_entropy, half_squared_error, log_softmax, softmax, squared_error

shapes = st.tuples(st.integers(1, 30), st.integers(1, 12))
scales = st.sampled_from([0.01, 1.0, 100.0])
seeds = st.integers(0, 2**32)


@settings(max_examples=30)
@given(shapes, scales, seeds)
def test_softmax_and_its_logarithm_equal_torchs(shape: tuple[int, int], scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    X = scale * torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(softmax(X), F.softmax(X, dim=1), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(log_softmax(X), F.log_softmax(X, dim=1), rtol=1e-12, atol=1e-12)
    # 12 terms near 1 at most, each off by a float64 step or two of 2.2e-16.
    torch.testing.assert_close(softmax(X).sum(dim=1), torch.ones(shape[0], dtype=X.dtype), rtol=0, atol=4e-15)


@settings(max_examples=30)
@given(shapes, scales, seeds)
def test_cross_entropy_and_its_gradient_equal_torchs(shape: tuple[int, int], scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    logits = (scale * torch.randn(shape, dtype=torch.float64)).requires_grad_()
    y = torch.randint(shape[1], (shape[0],))
    ours, torchs = cross_entropy(logits, y), F.cross_entropy(logits, y)
    torch.testing.assert_close(ours, torchs, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, logits)[0] for loss in (ours, torchs)), rtol=1e-12, atol=1e-14
    )


def test_cross_entropy_of_d2ls_example() -> None:
    """d2l 4.4.2 takes probabilities, -(log 0.1 + log 0.5) / 2; logits log p have softmax p."""
    p = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]])
    assert cross_entropy(p.log(), torch.tensor([0, 2])).item() == pytest.approx(math.log(20) / 2)
    assert math.log(20) / 2 == pytest.approx(1.4979, abs=5e-5)


def test_cross_entropy_of_equal_logits_is_log_of_the_number_of_classes() -> None:
    assert cross_entropy(torch.full((4, 10), 7.0), torch.arange(4)).item() == pytest.approx(math.log(10))


def test_huge_logits_give_finite_values_and_gradients() -> None:
    """The right class ahead by 2e4 costs 0, the wrong one 2e4; the gradient is (softmax - one-hot) / batch."""
    logits = torch.tensor([[1e4, -1e4], [1e4, -1e4]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([0, 1]))
    loss.backward()
    assert loss.item() == 1e4
    assert torch.equal(logits.grad, torch.tensor([[0.0, 0.0], [0.5, -0.5]]))
    assert torch.equal(softmax(logits), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert torch.equal(log_softmax(logits), torch.tensor([[0.0, -2e4], [0.0, -2e4]]))


def test_gradients_equal_finite_differences_to_second_order() -> None:
    logits = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    y, y_hat = torch.tensor([0, 2, 1, 1, 0]), torch.randn(5, 3, dtype=torch.float64)
    for loss in (
        lambda x: cross_entropy(x, y),
        lambda x: half_squared_error(x, y_hat),
        lambda x: (softmax(x) * y_hat).sum(),
        lambda x: (log_softmax(x) * y_hat).sum(),
    ):
        assert torch.autograd.gradcheck(loss, logits)
        assert torch.autograd.gradgradcheck(loss, logits)


def test_per_model_gradients_under_vmap() -> None:
    logits, y = torch.randn(4, 6, 3), torch.randint(3, (6,))
    stacked = vmap(grad(cross_entropy), in_dims=(0, None))(logits, y)
    torch.testing.assert_close(stacked, torch.stack([grad(cross_entropy)(one, y) for one in logits]))


@settings(max_examples=30)
@given(shapes, seeds)
def test_squared_errors(shape: tuple[int, int], seed: int) -> None:
    torch.manual_seed(seed)
    y_hat, y = torch.randn(2, *shape, dtype=torch.float64)
    torch.testing.assert_close(squared_error(y_hat, y), F.mse_loss(y_hat, y))
    torch.testing.assert_close(half_squared_error(y_hat, y), F.mse_loss(y_hat, y) / 2)


def test_a_column_and_a_row_are_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\[5, 1\].*\[5\]"):
        squared_error(torch.zeros(5, 1), torch.zeros(5))
