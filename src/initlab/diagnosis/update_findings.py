"""Whether there are updates, and whether they have the right size for the weights that they change."""

from __future__ import annotations

import numpy as np

from initlab.diagnosis.finding import Finding
from initlab.diagnosis.outline import Outline, Rows
from initlab.diagnosis.trend import CONFIRM, values_of

# Two decades to either side of 1e-3, the ratio of update to weight that trains (Karpathy, makemore 3). Healthy runs
# of weights that begin near 0 reach it: softmax regression from zeros has 0.108.
UPDATE_LARGE, UPDATE_SMALL = 1e-1, 1e-5
UPDATE_SKIP = 10  # steps: weights that begin near 0 make large first ratios


def not_trained(outline: Outline) -> Finding | None:
    """Parameters that stay as they are, of a run whose loss does not move. Of one that learns they may be meant to."""
    for names, says, advice in (
        (
            outline.no_optimizer,
            "no optimiser has them, so they stay as they are",
            "if they are to train, give the optimiser all parameters, after the last layer was put in or replaced",
        ),
        (
            outline.no_gradient,
            "no gradient reaches them, so they stay as they are",
            "look between them and the loss for detach(), no_grad(), .data, .item() or NumPy, and for an output unused",
        ),
    ):
        if names:
            return Finding("not trained", names, 0, "parameters that stay as they are", len(names), says, advice)
    return None


def update_findings(history: Rows, outline: Outline, until: float) -> list[Finding]:
    """||update|| / ||weight|| of the matrices.

    Too small: the largest is, so that neither a warm-up of lr nor the end of a run that has converged counts. Too
    large: the median of the later half is, when weights that began near 0 have grown.
    """
    large: list[tuple[str, int, float]] = []  # parameter, first step looked at, median
    small: list[tuple[str, int, float]] = []
    for name in outline.matrices:
        steps, values = values_of(history, name, "update_ratio", until)
        later = values[steps >= UPDATE_SKIP]
        if len(later) < CONFIRM:
            continue
        if values.max() < UPDATE_SMALL:
            small.append((name, int(steps[0]), float(np.median(values))))
        elif (median := float(np.median(later[len(later) // 2 :]))) > UPDATE_LARGE:
            large.append((name, UPDATE_SKIP, median))
    says = "each update is {value:.1e} of the weights it changes (1e-3 is usual)"
    found: list[Finding] = []
    for kind, group, advice in (
        ("update too large", large, "a smaller lr"),
        ("update too small", small, "a larger lr"),
    ):
        if group:
            value = float(np.median([median for *_, median in group]))
            names, since = tuple(name for name, *_ in group), min(since for _, since, _ in group)
            measure, sentence = "median of ||update|| / ||weight||", says.format(value=value)
            found.append(Finding(kind, names, since, measure, value, sentence, advice))
    return found
