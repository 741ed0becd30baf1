"""Without a hidden layer the loss is convex, and its curvature says for which learning rates SGD comes down.

On a quadratic of curvature L it does up to lr = 2 (1 + m) / L, m the momentum; beyond, it diverges. L is the largest
eigenvalue of E[(x, 1) (x, 1)^T], times 1 for (y_hat - y)^2 / 2 and 2 for the square. For a softmax of C classes at the
start L is a C-th of it, and no step diverges for good, as its gradient is bounded: the loss swings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from initlab.forecasting.rates import STEPS, Rate
from initlab.forecasting.rule import NOT, SUITABLE, TRAINS, UNSURE, Verdict
from initlab.limits import ADAM_LR, EDGE_SMALL, TOO_SMALL
from initlab.theory.inputs import Inputs

CONVEX = "no hidden layer: a convex loss"
STILL = "no step is taken"
SWINGS = 10  # how many times beyond that rate a softmax still comes down, flatter as it learns
NOWHERE = 0.01  # of the way
SHARE = {"half_squared_error": 1.0, "squared_error": 2.0}


def loss_of_the_mean(loss: str, y: Any) -> float:
    """The loss of one that answers the mean of the targets [rows, outputs] to every input; inf of another loss."""
    return SHARE[loss] / 2 * float(y.double().var(0, correction=0).mean()) if loss in SHARE else math.inf


def judge_convex(inputs: Inputs, widths: Sequence[int], loss: str, kind: str, rate: Rate | None) -> Verdict:
    """`widths`: [inputs, outputs]; `loss`: "cross_entropy", "half_squared_error" or "squared_error"."""
    still = rate is not None and rate.lr == 0
    if rate is None or kind != "sgd" or inputs.curvature is None:
        adams = ADAM_LR if kind != "sgd" else None
        return Verdict(NOT, STILL, "", "at lr 0", adams) if still else Verdict(TRAINS, CONVEX, "", SUITABLE)
    softmax = loss == "cross_entropy"
    scale = 1 / widths[-1] if softmax else SHARE[loss]
    high = 2 * (1 + rate.momentum) / (scale * inputs.curvature)
    step = rate.lr / (1 - rate.momentum)
    if softmax:  # as in a network with hidden layers
        way = (
            step
            * STEPS
            * widths[0]
            * (1 - inputs.similarity)
            * inputs.mean_square
            / 10 ** (TOO_SMALL[kind] + EDGE_SMALL[kind])
        )
        own = way * max(rate.steps / STEPS, 1)
    else:
        way = own = step * rate.steps * scale * inputs.mean_square  # along the average direction; 1 - 1 / e of it
    stable = f"SGD comes down up to {high:.2g}, 2{' (1 + momentum)' if rate.momentum else ''} / curvature"
    at, other = f"at lr {rate.lr:g}", float(f"{high / 4:.0e}")
    if still:
        return Verdict(NOT, STILL, "", at, other)
    if softmax and rate.lr > high * SWINGS:
        return Verdict(UNSURE, f"the loss swings: at the start {stable}", "", at, other)
    if not softmax and rate.lr > high:
        return Verdict(NOT, f"it diverges: {stable}", "", at, other)
    if not softmax and rate.lr > high / 2:
        return Verdict(UNSURE, f"over all rows {stable}, over a minibatch less", "", at, other)
    if way < 1:
        return Verdict(NOT if own < NOWHERE else UNSURE, "its steps are small for so few of them", "", at, other)
    return Verdict(TRAINS, CONVEX if softmax else f"{CONVEX}; {stable}", "", at)
