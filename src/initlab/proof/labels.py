"""Whether the inputs say anything about what is to be learned: without the network, by two simple predictors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 2000  # that are learned from, and as many at most that are predicted
FEWEST = 60  # rows: of fewer nothing is said
NEIGHBOURS = 5
AT_CHANCE = 3.0  # standard errors


@dataclass(frozen=True)
class Labels:
    """z: by how many standard errors the better predictor is above chance; says: the same in numbers."""

    z: float
    says: str

    @property
    def say_nothing(self) -> bool:
        return self.z < AT_CHANCE


def labels_of(X: Tensor, y: Tensor) -> Labels | None:
    """Of rows in random order; None for too few of them.

    Nearest class mean, or least squares of a regression, sees what a linear model sees; five nearest neighbours see the
    rest, such as XOR. Each learns from one half of the rows and predicts the other. Columns are brought to std 1.
    """
    n = min(len(X) // 2, ROWS)
    if 2 * n < FEWEST:
        return None
    X = X[: 2 * n].flatten(1).double()
    X = torch.nan_to_num((X - X.mean(0)) / X.std(0).clamp_min(1e-12))
    near = torch.cdist(X[n:], X[:n]).topk(min(NEIGHBOURS, n), largest=False).indices
    if y.is_floating_point():
        return _of_numbers(X, y[: 2 * n].flatten(1).double(), n, near)
    return _of_classes(X, y[: 2 * n], n, near)


def _of_classes(X: Tensor, y: Tensor, n: int, near: Tensor) -> Labels:
    learned, true = y[:n], y[n:]
    classes = learned.unique()
    means = torch.stack([X[:n][learned == c].mean(0) for c in classes])
    guesses = (classes[torch.cdist(X[n:], means).argmin(1)], learned[near].mode(1).values)
    best = max((_above_chance(guess, true) for guess in guesses), key=lambda found: found[0])
    z, right, chance = best
    return Labels(
        z, f"of {n:,} rows held out {right:.1%} are predicted right from {n:,} others, by chance {chance:.1%}"
    )


def _above_chance(guess: Tensor, true: Tensor) -> tuple[float, float, float]:
    """Chance: that the two agree by accident (as in Cohen's kappa)."""
    kinds = torch.cat([guess, true]).unique()
    chance = float(sum((guess == c).double().mean() * (true == c).double().mean() for c in kinds))
    right = float((guess == true).double().mean())
    spread = math.sqrt(chance * (1 - chance) / len(true))
    return (right - chance) / spread if spread > 0 else 0.0, right, chance


def _of_numbers(X: Tensor, y: Tensor, n: int, near: Tensor) -> Labels:
    """Of the first target that is predicted best."""
    A = torch.cat([X[:n], torch.ones(n, 1, dtype=X.dtype)], 1)
    ridge = A.T @ A + 1e-2 * n * torch.eye(A.shape[1], dtype=X.dtype)
    linear = torch.cat([X[n:], torch.ones(len(X) - n, 1, dtype=X.dtype)], 1) @ torch.linalg.solve(ridge, A.T @ y[:n])
    r = max(_correlation(guess, y[n:]) for guess in (linear, y[:n][near].mean(1)))
    return Labels(r * math.sqrt(n), f"predictions for {n:,} rows held out correlate with the truth by {r:.2f}")


def _correlation(guess: Tensor, true: Tensor) -> float:
    guess, true = guess - guess.mean(0), true - true.mean(0)
    r = (guess * true).sum(0) / (guess.norm(dim=0) * true.norm(dim=0)).clamp_min(1e-300)
    return float(r.max())
