"""Rows in the order of their labels are seen from the labels alone, however few of them the first batches reach."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from initlab.proof.fork import LAST
from initlab.proof.order import order_of, shuffled

DRAW = torch.Generator().manual_seed(0)
CLASSES = torch.randint(4, (4000,), generator=DRAW).sort().values
NUMBERS = torch.randn(4000, 1, generator=DRAW).sort(0).values
X = torch.randn(4000, 3, generator=DRAW)
STEPS = 20


def loader(y: Tensor, shuffle: bool = False, batch: int = 8) -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(X[: len(y)], y), batch, shuffle=shuffle)


def mixed(y: Tensor) -> Tensor:
    return y[torch.randperm(len(y), generator=torch.Generator().manual_seed(1))]


def test_its_batches_are_as_training_step_gets_them() -> None:
    found = order_of(loader(CLASSES), STEPS, taken=lambda pair: (pair[0] + 100, 3 - pair[1]))
    assert found is not None
    assert all(bool((pair[0] > 50).all()) for pair in found.batches)
    assert found.says == order_of(loader(3 - CLASSES), STEPS).says  # type: ignore[union-attr]


@pytest.mark.parametrize("batch", [1, 8, 64])
@pytest.mark.parametrize("y", [CLASSES, NUMBERS, NUMBERS[:, 0]])
def test_sorted_rows_are_seen_and_the_same_rows_mixed_are_not(y: Tensor, batch: int) -> None:
    """The first 20 batches hold one class of the four, or the smallest numbers."""
    found = order_of(loader(y, batch=batch), STEPS)
    assert found is not None
    assert found.says.startswith("they are sorted, the ")
    assert len(found.held) == LAST
    labels = torch.cat([pair[1] for pair in found.batches]).double()
    assert labels.var() > 0.3 * y.double().var()  # shuffled: of all classes
    assert order_of(loader(mixed(y), batch=batch), STEPS) is None
    assert order_of(loader(y, shuffle=True, batch=batch), STEPS) is None


def test_what_has_no_rows_by_number_or_no_labels_is_left_alone() -> None:
    class Stream(IterableDataset[tuple[Tensor, Tensor]]):
        def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
            yield from zip(X, CLASSES, strict=True)

    assert order_of(DataLoader(Stream(), 8), STEPS) is None
    assert order_of(DataLoader(X.tolist(), 8), STEPS) is None
    assert order_of([(X, CLASSES)], STEPS) is None
    assert order_of(None, STEPS) is None
    assert order_of(loader(torch.zeros(4000, dtype=torch.long)), STEPS) is None


def test_shuffled_has_the_same_rows_and_draws_no_global_number() -> None:
    state = torch.get_rng_state()
    again = shuffled(loader(CLASSES), torch.Generator().manual_seed(0))
    assert again is not None
    rows = torch.cat([batch[0] for batch in again])
    assert torch.equal(rows.sort(0).values, X.sort(0).values)
    assert not torch.equal(rows, X)
    assert torch.equal(torch.get_rng_state(), state)
