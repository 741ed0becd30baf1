import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from initlab.data.batches import Batches
from initlab.errors import UserError

sizes = {"num_rows": st.integers(1, 40), "batch_size": st.integers(1, 45)}


def rows(num_rows: int, batch_size: int, seed: int | None) -> Batches:
    """Row i is (X[i], y[i]) = (i, -i)."""
    numbers = torch.arange(num_rows)
    return Batches(numbers, -numbers, batch_size, seed)


def numbers(batches: Batches, num_epochs: int) -> list[list[int]]:
    """The row numbers of each batch, epoch after epoch."""
    return [X.tolist() for _ in range(num_epochs) for X, _ in batches]


@given(**sizes, seed=st.one_of(st.none(), st.integers(0, 3)))
def test_an_epoch_serves_every_row_once(num_rows: int, batch_size: int, seed: int | None) -> None:
    batches = rows(num_rows, batch_size, seed)
    served = list(batches)
    assert len(served) == len(batches)
    assert [len(X) for X, _ in served[:-1]] == [batch_size] * (len(batches) - 1)
    X = torch.cat([X for X, _ in served])
    assert sorted(X.tolist()) == list(range(num_rows))
    torch.testing.assert_close(torch.cat([y for _, y in served]), -X)
    if seed is None:
        assert X.tolist() == list(range(num_rows))


def test_the_order_is_a_function_of_seed_and_epoch_alone() -> None:
    first = numbers(rows(100, 8, seed=0), 3)
    torch.manual_seed(1)
    torch.rand(7)
    assert numbers(rows(100, 8, seed=0), 3) == first
    flat = list(itertools.chain(*first))
    epochs = flat[:100], flat[100:200], flat[200:]
    other_seed = list(itertools.chain(*numbers(rows(100, 8, seed=1), 1)))
    assert len({tuple(order) for order in (*epochs, other_seed, range(100))}) == 5
    assert list(itertools.chain(*numbers(rows(100, 25, seed=0), 3))) == flat  # whatever the batch size


@given(**sizes, limit=st.one_of(st.integers(1, 50), st.floats(0.01, 1.0)))
def test_a_limit_leaves_out_the_end_of_each_epoch(num_rows: int, batch_size: int, limit: float) -> None:
    whole = rows(num_rows, batch_size, seed=0)
    number = min(limit, len(whole)) if isinstance(limit, int) else math.floor(limit * len(whole))
    X = torch.arange(num_rows)
    if number == 0:
        with pytest.raises(UserError, match="less than one of the"):
            Batches(X, -X, batch_size, seed=0, limit=limit)
        return
    limited = Batches(X, -X, batch_size, seed=0, limit=limit)
    assert len(limited) == number
    for _ in range(3):
        expected = [batch.tolist() for batch, _ in whole][:number]
        first = whole.number - len(whole) + 1
        given, places = zip(*((batch.tolist(), limited.number) for batch, _ in limited), strict=True)
        assert list(given) == expected
        assert list(places) == list(range(first, first + number))
    again = Batches(X, -X, batch_size, seed=0, limit=limit)
    again.load_state_dict(limited.state_dict())
    assert next(iter(again))[0].tolist() == next(iter(whole))[0].tolist()  # at its end the next epoch begins


@given(**sizes, num_done=st.integers(1, 60), ask_for_more=st.booleans())
def test_resume_goes_on_where_it_stopped(num_rows: int, batch_size: int, num_done: int, ask_for_more: bool) -> None:
    """As a trainer does it: stop at the last batch of an epoch, with or without asking for one more."""
    uninterrupted = numbers(rows(num_rows, batch_size, seed=0), num_done + 3)

    interrupted = rows(num_rows, batch_size, seed=0)
    before: list[list[int]] = []
    while len(before) < num_done:
        stop = num_done - len(before) if ask_for_more else min(num_done - len(before), len(interrupted))
        before += [X.tolist() for X, _ in itertools.islice(interrupted, stop)]
    resumed = rows(num_rows, batch_size, seed=0)
    resumed.load_state_dict(interrupted.state_dict())
    after = numbers(resumed, 3)

    assert before + after == uninterrupted[: len(before) + len(after)]
    assert len(after) == 3 * len(resumed) - num_done % len(resumed)  # an epoch that was done is not served empty


def test_batches_handed_out_but_not_trained_on_come_again() -> None:
    uninterrupted = numbers(rows(20, 3, seed=0), 2)
    interrupted = rows(20, 3, seed=0)
    iterator = iter(interrupted)
    for _ in range(4):
        next(iterator)
    interrupted.done = 3
    resumed = rows(20, 3, seed=0)
    resumed.load_state_dict(interrupted.state_dict())
    assert numbers(resumed, 1) == uninterrupted[3:7]
    assert numbers(resumed, 1) == uninterrupted[7:]


def test_an_iterator_made_and_not_used_begins_no_epoch() -> None:
    batches = rows(10, 5, seed=0)
    for _ in range(3):
        iter(batches)
    assert numbers(batches, 1) == numbers(rows(10, 5, seed=0), 1)


def test_a_transform_that_writes_leaves_the_data_alone() -> None:
    def double(X: Tensor) -> Tensor:
        return X.mul_(2)

    X = torch.arange(10.0)
    for seed in (0, None):
        served = torch.cat([X for X, _ in Batches(X, X, 4, seed, transform=double)])
        assert sorted(served.tolist()) == [2.0 * i for i in range(10)]
    torch.testing.assert_close(X, torch.arange(10.0))


@pytest.mark.gpu
def test_batches_on_a_gpu_are_those_of_the_cpu() -> None:
    X = torch.randint(0, 256, (100, 4), dtype=torch.uint8)
    for (X_gpu, y_gpu), (X_cpu, y_cpu) in zip(
        Batches(X.cuda(), X.cuda(), 8, seed=0), Batches(X, X, 8, seed=0), strict=True
    ):
        assert X_gpu.is_cuda
        torch.testing.assert_close(X_gpu.cpu(), X_cpu)
        torch.testing.assert_close(y_gpu.cpu(), y_cpu)


@settings(max_examples=50)
@given(
    num_rows=st.integers(4, 60),
    num_processes=st.integers(1, 4),
    share=st.integers(1, 5),
    seed=st.one_of(st.none(), st.integers(0, 9)),
)
def test_processes_share_each_batch_equally(num_rows: int, num_processes: int, share: int, seed: int | None) -> None:
    X, y = torch.arange(float(num_rows)).unsqueeze(1), torch.arange(num_rows)
    batch_size = share * num_processes
    parts = [Batches(X, y, batch_size, seed, process=p, num_processes=num_processes) for p in range(num_processes)]
    alone = Batches(X, y, batch_size, seed)
    used = num_rows - num_rows % num_processes
    for _ in range(2):
        order = torch.cat([of_all for _, of_all in alone])[:used]
        handed_out = list(zip(*parts, strict=True))  # equally many batches in each
        assert len(handed_out) == len(parts[0])
        for of_all, batches in zip(order.split(batch_size), handed_out, strict=True):
            assert torch.equal(torch.cat([labels for _, labels in batches]), of_all)
            assert len({len(labels) for _, labels in batches}) == 1


def test_a_batch_that_processes_cannot_share_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.batch_size=10: trainer\.devices=3 must divide it"):
        Batches(torch.zeros(20, 1), torch.zeros(20), 10, num_processes=3)
