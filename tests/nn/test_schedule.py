import math
from collections.abc import Callable

import pytest
import torch
from torch.optim import lr_scheduler

from initlab import nn
from initlab.errors import UserError

LR, NUM_EPOCHS, STEPS = 0.1, 4, 5


def learning_rates(make: Callable[[nn.SGD], lr_scheduler.LRScheduler], num_steps: int) -> list[float]:
    """The lr that each step of a training uses; the scheduler moves once after every step, the last one too."""
    optimizer = nn.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = make(optimizer)
    used = []
    for _ in range(num_steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return used


def test_cosine() -> None:
    ours = learning_rates(lambda o: nn.schedule.cosine(o, num_steps=NUM_EPOCHS * STEPS, steps_per_epoch=STEPS), 20)
    assert ours == learning_rates(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20), 20)
    assert ours == pytest.approx([LR * (1 + math.cos(math.pi * t / 20)) / 2 for t in range(20)])


def test_step() -> None:
    ours = learning_rates(
        lambda o: nn.schedule.step(o, num_steps=NUM_EPOCHS * STEPS, steps_per_epoch=STEPS, every_n_epochs=2, gamma=0.5),
        20,
    )
    assert ours == learning_rates(lambda o: lr_scheduler.StepLR(o, step_size=10, gamma=0.5), 20)
    assert ours == [LR] * 10 + [LR / 2] * 10


def test_one_cycle() -> None:
    def torchs(optimizer: nn.SGD) -> lr_scheduler.LRScheduler:
        return lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=20, pct_start=0.3, cycle_momentum=False)

    ours = learning_rates(
        lambda o: nn.schedule.one_cycle(o, num_steps=NUM_EPOCHS * STEPS, steps_per_epoch=STEPS, pct_start=0.3), 20
    )
    assert ours == learning_rates(torchs, 20)
    assert (ours[0], max(ours), ours[5]) == pytest.approx((LR / 25, LR, LR))


def test_one_cycle_leaves_momentum_alone() -> None:
    optimizer = nn.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR, momentum=0.3)
    scheduler = nn.schedule.one_cycle(optimizer, num_steps=10, steps_per_epoch=10, pct_start=0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["momentum"] == 0.3


@pytest.mark.parametrize("num_steps", [1, 2, 3, 10])
@pytest.mark.parametrize("pct_start", [0.1, 0.3, 0.5, 0.99])
def test_one_cycle_of_few_steps(num_steps: int, pct_start: float) -> None:
    """A debugging run takes one or two steps; torch's own divides by zero where pct_start * num_steps is 1."""
    rates = learning_rates(
        lambda o: nn.schedule.one_cycle(o, num_steps=num_steps, steps_per_epoch=num_steps, pct_start=pct_start),
        num_steps,
    )
    assert all(0 <= lr <= LR for lr in rates)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda o: nn.schedule.step(o, 1, 1, every_n_epochs=0, gamma=0.5), r"scheduler\.every_n_epochs=0: must be"),
        (lambda o: nn.schedule.step(o, 1, 1, every_n_epochs=1, gamma=-0.5), r"scheduler\.gamma=-0\.5: must be"),
        (lambda o: nn.schedule.one_cycle(o, 1, 1, pct_start=1.5), r"scheduler\.pct_start=1\.5: must be"),
    ],
)
def test_values_that_cannot_work_are_named(make: Callable[[nn.SGD], lr_scheduler.LRScheduler], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        learning_rates(make, 1)
