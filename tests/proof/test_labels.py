"""Whether inputs say anything about labels: known tables, and the same with the labels shuffled."""

import pytest
import torch
from torch import Tensor

from initlab.proof.labels import AT_CHANCE, labels_of

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(1200, 5, generator=DRAW)


def blobs() -> Tensor:
    return (X[:, 0] + 0.5 * torch.randn(len(X), generator=DRAW) > 0.4).long()


def xor() -> Tensor:
    return ((X[:, 0] > 0) ^ (X[:, 1] > 0)).long()  # no class mean tells these apart


def linear() -> Tensor:
    return (X @ torch.arange(5.0) + torch.randn(len(X), generator=DRAW))[:, None]


def circle() -> Tensor:
    return X[:, :2].norm(dim=1)[:, None]  # no line says anything about it


@pytest.mark.parametrize("of", [blobs, xor, linear, circle])
@pytest.mark.parametrize("units", [1.0, 1e6])
def test_what_can_be_learned_is_seen_and_at_random_it_cannot(of: object, units: float) -> None:
    assert callable(of)
    y = of()
    found = labels_of(units * X + units, y)
    assert found is not None
    assert found.z > 2 * AT_CHANCE
    shuffled = [labels_of(X, y[torch.randperm(len(y), generator=DRAW)]) for _ in range(10)]
    assert sum(one is not None and one.say_nothing for one in shuffled) >= 9  # 3 standard errors, the better of two


def test_a_rare_class_is_no_news() -> None:
    """97 % right is chance where 97 % are of one class."""
    found = labels_of(X, (torch.rand(len(X), generator=DRAW) < 0.03).long())
    assert found is not None
    assert found.say_nothing


def test_of_a_few_rows_nothing_is_said() -> None:
    assert labels_of(X[:40], blobs()[:40]) is None
    assert labels_of(torch.zeros(100, 3), torch.zeros(100).long()) is not None  # constant columns, one class
