import re
from typing import Any

import pytest
import torch

from initlab.data import SyntheticRegression
from initlab.errors import UserError


@pytest.mark.parametrize("w", [(2.0, -3.4), (1.0, 0.0, -2.0, 5.0)])
def test_least_squares_finds_the_truth_to_the_noise(w: tuple[float, ...]) -> None:
    """X is close to orthonormal, so each coefficient has a standard error of noise / sqrt(n); allow five."""
    data = SyntheticRegression(w=w, b=4.2, noise=0.01, num_train=2000)
    X, y = (torch.cat(part).double() for part in zip(*data.train_dataloader(), strict=True))
    found = torch.linalg.lstsq(torch.hstack([X, torch.ones(len(X), 1)]), y).solution.flatten()
    true_w, true_b = data.truth
    assert (true_w.tolist(), true_b) == (pytest.approx(w), 4.2)
    tolerance = 5 * 0.01 / 2000**0.5
    torch.testing.assert_close(found, torch.tensor([*w, 4.2]).double(), rtol=0, atol=tolerance)
    residuals = y - X @ true_w.double().reshape(-1, 1) - true_b
    assert abs(residuals.std() - 0.01) < 5 * 0.01 / (2 * 2000) ** 0.5


def test_shapes_and_sizes() -> None:
    data = SyntheticRegression(num_train=70, num_val=50, num_test=30)
    assert (data.task, data.num_inputs, data.num_outputs) == ("regression", 2, 1)
    X, y = next(iter(data.train_dataloader()))
    assert (X.shape, y.shape, X.dtype, y.dtype) == ((32, 2), (32, 1), torch.float32, torch.float32)
    loaders = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    assert [sum(len(X) for X, _ in loader) for loader in loaders] == [70, 50, 30]


def test_the_seed_decides_the_data() -> None:
    first, again, other = (SyntheticRegression(seed=seed).splits.train[0] for seed in (0, 0, 1))
    assert first.equal(again)
    assert not first.equal(other)


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({"w": ()}, "data.w=[]: "),
        ({"noise": -0.1}, "data.noise=-0.1: "),
        ({"num_test": 0}, "data.num_test=0: "),
        ({"batch_size": 0}, "data.batch_size=0: "),
    ],
)
def test_nonsense_is_refused_by_name(arguments: dict[str, Any], start: str) -> None:
    with pytest.raises(UserError, match="^" + re.escape(start)):
        SyntheticRegression(**arguments)
