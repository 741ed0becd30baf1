import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from initlab.data.split import stratified_split


@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=60), data=st.data())
def test_shares_are_kept_and_totals_exact(labels: list[int], data: st.DataObject) -> None:
    y = torch.tensor(labels)
    num_held_out = data.draw(st.integers(1, len(labels) - 1))
    kept, held_out = stratified_split(y, num_held_out, seed=0)
    assert len(held_out) == num_held_out
    assert sorted([*kept.tolist(), *held_out.tolist()]) == list(range(len(labels)))
    for label in set(labels):
        exact = num_held_out * labels.count(label) / len(labels)
        assert abs(int((y[held_out] == label).sum()) - exact) < 1


def test_the_seed_decides_and_the_global_state_does_not() -> None:
    y = torch.arange(100) % 10
    torch.manual_seed(0)
    first = stratified_split(y, 30, seed=0)[1]
    torch.manual_seed(1)
    assert first.equal(stratified_split(y, 30, seed=0)[1])
    assert not first.equal(stratified_split(y, 30, seed=1)[1])


@pytest.mark.parametrize("num_held_out", [10, 30])
def test_rows_are_drawn_evenly_within_a_class(num_held_out: int) -> None:
    """Over 1000 seeds each of 100 rows is held out as often as any other, within 5 standard errors."""
    y = torch.arange(100) % 10
    counts = torch.zeros(100)
    for seed in range(1000):
        counts[stratified_split(y, num_held_out, seed)[1]] += 1
    p = num_held_out / 100
    assert (counts / 1000 - p).abs().max() < 5 * (p * (1 - p) / 1000) ** 0.5
