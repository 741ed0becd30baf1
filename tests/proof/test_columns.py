"""Which columns stand apart, and what leaves them out."""

import numpy as np
import pytest
import torch
from torch import Tensor

from initlab.proof.columns import column_changes, odd_columns

X = torch.randn(500, 5, generator=torch.Generator().manual_seed(0))


def with_column(values: Tensor | float, of: Tensor = X) -> Tensor:
    other = of.clone()
    other[:, 2] = values
    return other


@pytest.mark.parametrize(
    ("inputs", "constant", "far"),
    [
        (X, [], []),
        (X.exp().exp().clamp_max(20), [], []),
        (with_column(0.0), [], []),
        (with_column(1.0), [], []),  # a second bias
        (with_column(1e4), [2], []),
        (with_column(-7.0), [2], []),
        (with_column(1e3 * X[:, 0]), [], [2]),
        (with_column(torch.tensor([*[0.0] * 499, -1e5])), [], [2]),
        (1e3 * with_column(5.0), [2], []),
        (1e3 * with_column(0.5), [], []),  # of units in which the others are as large
        (with_column(1e4)[:, 2:3], [], []),
        (with_column(1e4)[:, None], [], []),
    ],
)
def test_odd_columns(inputs: Tensor, constant: list[int], far: list[int]) -> None:
    found = odd_columns(inputs)
    assert [list(one) for one in found] == [constant, far]


def test_without_a_name_they_are_zeroed_and_nothing_else_is() -> None:
    odd = with_column(1e4)
    odd[:, 4] *= 1e3
    one, both = column_changes(odd, [f"column {i}" for i in range(5)])
    assert one.accuses == "a constant column, column 2, which is 1e+04 in every row"
    assert (one.name, both.name) == ("column 2 zeroed", "column 2, column 4 zeroed")
    assert one.size < both.size
    for change, zeroed in ((one, [2]), (both, [2, 4])):
        (callback,) = change.callbacks()
        expected = odd.numpy().copy()
        expected[:, zeroed] = 0
        assert np.array_equal(callback.function(odd), expected)
