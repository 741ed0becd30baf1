from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from initlab.errors import UserError
from initlab.nn import SGD


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes: list[tuple[int, ...]] = [(5, 3), (5,), (2, 5), (2,)]
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def give_gradients(params: list[torch.nn.Parameter], generator: torch.Generator) -> None:
    """Noise plus the parameter itself, so that one different bit grows."""
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator) + p.detach()


@settings(max_examples=30)
@given(
    lr=st.floats(1e-4, 0.5),
    momentum=st.just(0.0) | st.floats(0.01, 0.99),
    weight_decay=st.just(0.0) | st.floats(1e-5, 0.5),
)
def test_bit_equal_to_torchs_for_100_steps(lr: float, momentum: float, weight_decay: float) -> None:
    ours, torchs = parameters(), parameters()
    options: dict[str, Any] = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    optimizers = [SGD(ours, **options), torch.optim.SGD(torchs, **options)]
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=100) for o in optimizers]
    for seed in range(100):
        for params, optimizer, scheduler in zip((ours, torchs), optimizers, schedulers, strict=True):
            give_gradients(params, torch.Generator().manual_seed(seed))
            optimizer.step()
            scheduler.step()
        assert all(torch.equal(a, b) for a, b in zip(ours, torchs, strict=True)), f"step {seed}"


def test_l1_walks_to_zero_in_equal_steps() -> None:
    """Without a gradient of its own a weight loses lr * l1 a step: w_t = w_0 - sign(w_0) lr l1 t until it is 0."""
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.0], dtype=torch.float64))
    optimizer = SGD([w], lr=0.1, l1=0.5)
    for _ in range(15):
        w.grad = torch.zeros_like(w)
        optimizer.step()
    torch.testing.assert_close(w.detach(), torch.tensor([0.25, -1.25, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"weight_decay": 0.1}, {"l1": 0.1}])
def test_a_tensor_of_learning_rates_trains_a_stack_as_one(options: dict[str, float]) -> None:
    lrs = [0.01, 0.1, 0.3]
    stacked = torch.nn.Parameter(torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(1)))
    alone = [torch.nn.Parameter(w.detach().clone()) for w in stacked]
    optimizer = SGD([stacked], lr=torch.tensor(lrs)[:, None, None], **options)
    optimizers = [SGD([w], lr=lr, **options) for w, lr in zip(alone, lrs, strict=True)]
    for _ in range(20):
        stacked.grad = stacked.detach().sin()
        optimizer.step()
        for w, one in zip(alone, optimizers, strict=True):
            w.grad = w.detach().sin()
            one.step()
    # The learning rate multiplies in another order of roundings: 20 steps of float32.
    torch.testing.assert_close(stacked.detach(), torch.stack([w.detach() for w in alone]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1), torch.tensor(0.1, dtype=torch.float64)])
def test_a_rank_0_tensor_is_a_learning_rate_for_every_shape(lr: float | Tensor) -> None:
    params = parameters()
    before = [p.detach().clone() for p in params]
    give_gradients(params, torch.Generator().manual_seed(0))
    SGD(params, lr=lr).step()
    for p, start in zip(params, before, strict=True):
        torch.testing.assert_close(p.detach(), start - 0.1 * p.grad)


def test_the_closure_computes_gradients_and_its_loss_is_returned() -> None:
    w = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = SGD([w], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert w.item() == pytest.approx(3.0 - 0.1 * 6.0)


def test_a_parameter_without_a_gradient_stays() -> None:
    used, unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    used.grad = torch.ones(2)
    SGD([used, unused], lr=0.5, momentum=0.9, weight_decay=0.1).step()
    assert torch.equal(unused, torch.ones(2))
    assert not torch.equal(used, torch.ones(2))


def test_the_state_is_plain_tensors_and_resumes_bit_for_bit() -> None:
    def run(params: list[torch.nn.Parameter], optimizer: SGD, steps: range) -> None:
        for seed in steps:
            give_gradients(params, torch.Generator().manual_seed(seed))
            optimizer.step()

    whole, first = parameters(), parameters()
    run(whole, SGD(whole, lr=0.1, momentum=0.9), range(10))
    optimizer = SGD(first, lr=0.1, momentum=0.9)
    run(first, optimizer, range(5))
    state = optimizer.state_dict()
    assert all(isinstance(v, Tensor) for one in state["state"].values() for v in one.values())
    resumed = SGD(first, lr=0.5)
    resumed.load_state_dict(state)
    run(first, resumed, range(5, 10))
    assert all(torch.equal(a, b) for a, b in zip(first, whole, strict=True))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: SGD(p, lr=-1.0), r"optimizer\.lr=-1\.0: must be a number of at least 0"),
        (lambda p: SGD(p, lr=float("nan")), r"optimizer\.lr=nan: must be"),
        (lambda p: SGD(p, lr=torch.tensor([0.1, -0.5])), r"optimizer\.lr=-0\.5: must be"),
        (lambda p: SGD(p, lr=torch.tensor([0.1, float("inf")])), r"optimizer\.lr=inf: must be"),
        (lambda p: SGD(p, lr=0.1, momentum=-0.1), r"optimizer\.momentum=-0\.1: must be"),
        (lambda p: SGD(p, lr=0.1, weight_decay=-0.1), r"optimizer\.weight_decay=-0\.1: must be"),
        (lambda p: SGD(p, lr=0.1, l1=-0.1), r"optimizer\.l1=-0\.1: must be"),
    ],
)
def test_values_that_cannot_work_are_named(make: Callable[[Any], SGD], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make(parameters())
