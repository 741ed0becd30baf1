"""What the theory needs to know of the data: how large an input is, and how alike two inputs are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch

from initlab.theory.elementwise import Array

GROUPS = 16  # of rows, by their size
POWERS = 30  # of E[x x^T], for its largest eigenvalue


@dataclass(frozen=True)
class Inputs:
    """Second moments of the rows x of a data set.

    squares:    |x|^2 / n, its means over groups of equally many rows, from the smallest sixteenth to the largest.
    similarity: E[x . x'] / E[x . x] over pairs of different rows.
    source:     where the numbers come from, in words.
    curvature:  largest eigenvalue of E[(x, 1) (x, 1)^T]; None: not known.
    pair_square: E[(x . x')^2] / E[x . x]^2 over such pairs; None: that of pairs that are all equally similar.
    columns:    how unequal the columns are, E[v^2] / E[v]^2 of their mean squares v; 1: all alike.
    """

    squares: tuple[float, ...]
    similarity: float
    source: str
    curvature: float | None = None
    pair_square: float | None = None
    columns: float = 1.0

    @property
    def mean_square(self) -> float:
        return float(np.mean(self.squares))

    @property
    def overlap(self) -> float:
        return self.similarity**2 if self.pair_square is None else self.pair_square


def inputs_of(X: Any, groups: int = GROUPS) -> Inputs:
    """Of rows [n, ...] (a tensor or an array), n at least 2."""
    rows: Array = np.asarray(X, np.float64).reshape(len(X), -1)
    squares = np.sort((rows**2).mean(1))
    groups = min(groups, len(rows))
    total, own = rows.sum(0), (rows**2).sum()
    similarity = ((total**2).sum() - own) / (len(rows) - 1) / own
    few = rows.shape[0] <= rows.shape[1]
    gram = rows @ rows.T if few else rows.T @ rows  # either has the sum of (x . x')^2
    pair_square = ((gram**2).sum() - ((rows**2).sum(1) ** 2).sum()) / (len(rows) - 1) / own**2 * len(rows)
    with_one = gram + 1 if few else np.block([[gram, total[:, None]], [total[None], len(rows)]])  # of (x, 1)
    means = tuple(float(part.mean()) for part in np.array_split(squares, groups))
    of_columns = (rows**2).mean(0)
    columns = float(np.square(of_columns).mean() / np.square(of_columns.mean())) if own else 1.0
    return Inputs(means, float(similarity), "given rows", _largest(with_one / len(rows)), float(pair_square), columns)


def _largest(matrix: Array) -> float:
    """The largest eigenvalue of a Gram matrix, by the power method."""
    direction: Array = np.random.default_rng(0).standard_normal((len(matrix),))
    for _ in range(POWERS):
        direction = matrix @ (direction / np.sqrt(np.square(direction).sum()))
    return float(np.sqrt(np.square(direction).sum()))


# Measured over all 60,000 training images, and 200,000 pairs of them; tests/theory/test_inputs.py does it again.
FASHION_MNIST = Inputs(
    (
        0.3799, 0.4925, 0.5782, 0.6407, 0.6979, 0.7610, 0.8283, 0.8988,
        0.9762, 1.0589, 1.1460, 1.2361, 1.3352, 1.4610, 1.6185, 1.8930,
    ),
    0.2995,
    "Fashion-MNIST, normalised, measured over its training images",
    curvature=301.1,
    pair_square=0.1855,
    columns=1.078,
)  # fmt: skip
FASHION_MNIST_RAW = Inputs(
    (
        0.0363, 0.0615, 0.0816, 0.1000, 0.1184, 0.1377, 0.1580, 0.1789,
        0.2004, 0.2225, 0.2472, 0.2748, 0.3063, 0.3410, 0.3832, 0.4554,
    ),
    0.5764,
    "Fashion-MNIST, pixels in [0, 1], measured over its training images",
    curvature=111.1,
    pair_square=0.4735,
    columns=1.494,
)  # fmt: skip
STANDARD_NORMAL = Inputs((1.0,), 0.0, "inputs of N(0, 1)", curvature=1.0)  # very many of them


@cache
def standard_normal(num_inputs: int) -> Inputs:
    """Rows of N(0, I): E[(x . x')^2] = E[x . x] = n, |x|^2 is chi-squared. Of few numbers, rows differ in size, and two
    are alike by chance, or opposite."""
    half = torch.tensor(num_inputs / 2, dtype=torch.float64)  # |x|^2 / 2 is gamma-distributed, of this shape
    shares = torch.arange(1, GROUPS, dtype=torch.float64) / GROUPS
    low, high = torch.zeros_like(shares), torch.full_like(shares, num_inputs + 50.0)
    for _ in range(60):  # the ends between groups, by bisection
        middle = (low + high) / 2
        below = torch.special.gammainc(half, middle) < shares
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    of_rows_up_to = torch.special.gammainc(half + 1, low)  # the share of E[|x|^2] that is theirs
    squares = torch.diff(of_rows_up_to, prepend=of_rows_up_to.new_zeros(1), append=of_rows_up_to.new_ones(1)) * GROUPS
    return replace(STANDARD_NORMAL, squares=tuple(squares.tolist()), pair_square=1 / num_inputs)
