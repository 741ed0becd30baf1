"""Learning-rate schedules: torch's own schedulers, in epochs, to be stepped once after every optimiser step.

All take the same three arguments from the model, the number of steps in all and in an epoch; what a config chooses
comes after them by keyword.
"""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR

from initlab.checks.rules import check


def cosine(optimizer: Optimizer, num_steps: int, steps_per_epoch: int) -> CosineAnnealingLR:
    """lr (1 + cos(pi t / T)) / 2 after t of T steps: from lr to 0 (Loshchilov and Hutter 2017, eq. 5)."""
    return CosineAnnealingLR(optimizer, T_max=num_steps)


def step(optimizer: Optimizer, num_steps: int, steps_per_epoch: int, *, every_n_epochs: int, gamma: float) -> StepLR:
    """lr gamma^floor(epoch / every_n_epochs); such a schedule has no end, so num_steps is not used."""
    check("scheduler.every_n_epochs", every_n_epochs)
    check("scheduler.gamma", gamma)
    return StepLR(optimizer, step_size=every_n_epochs * steps_per_epoch, gamma=gamma)


def one_cycle(optimizer: Optimizer, num_steps: int, steps_per_epoch: int, *, pct_start: float) -> OneCycleLR:
    """From lr / 25 up to lr over a share `pct_start` of the steps, then down to lr / 250,000: half-cosines.

    The peak is the optimiser's own lr (Smith and Topin 2018; torch's factors). Momentum stays as it was set:
    torch's default would put 0.95 in place of any value, 0 too. A share of one step or less is no ascent
    (torch divides by zero at exactly one step).
    """
    check("scheduler.pct_start", pct_start)
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=num_steps,
        pct_start=pct_start if pct_start * num_steps > 1 else 0.0,
        cycle_momentum=False,
    )
