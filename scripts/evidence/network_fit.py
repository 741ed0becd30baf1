"""How well one number, measured before the training, tells the networks that train from those that do not."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evidence.fit import auc

TRAINS, EDGE = 0.5, 0.3  # held-out accuracy; decades to either side of a limit that count as too near to call
LOWS, HIGHS = np.arange(-12, 1, 0.1), np.arange(-2, 6, 0.1)


@dataclass(frozen=True)
class Cell:
    """A network (family, initialisation, depth) and an optimiser: the mean over its seeds of the best accuracy, and the
    rule's number, nan or inf where a draw is not finite."""

    family: str
    init: str
    depth: int
    optimizer: str
    acc: float
    number: float

    @property
    def trains(self) -> bool:
        return self.acc >= TRAINS


def best_accuracies(path: Path) -> dict[tuple[str, str, int, str], float]:
    found: dict[tuple[str, str, int, str], dict[str, float]] = defaultdict(dict)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            seeds = found[row["family"], row["init"], int(row["depth"]), row["optimizer"]]
            seeds[row["seed"]] = max(float(row["acc"]), seeds.get(row["seed"], 0.0))
    return {key: float(np.mean(list(seeds.values()))) for key, seeds in found.items()}


def fitted(cells: Iterable[Cell]) -> tuple[float, float]:
    """(low, high) of the number with the most cells right; of equally good ones the middle."""
    cells = list(cells)
    numbers, trains = np.array([c.number for c in cells]), np.array([c.trains for c in cells])
    inside = (LOWS[:, None, None] < numbers) & (numbers < HIGHS[None, :, None])
    right = (inside == trains).sum(-1)
    best = np.argwhere(right == right.max())
    i, j = best[len(best) // 2]
    return float(LOWS[i]), float(HIGHS[j])


def margin(cell: Cell, low: float, high: float) -> float:
    """Decades inside the nearer limit."""
    return float(np.nan_to_num(min(cell.number - low, high - cell.number), nan=-99.0, posinf=99, neginf=-99))


def held_out(cells: list[Cell]) -> dict[Cell, float]:
    """The margin of each cell between limits fitted without its family."""
    limits = {family: fitted(cell for cell in cells if cell.family != family) for family in {c.family for c in cells}}
    return {cell: margin(cell, *limits[cell.family]) for cell in cells}


def report(cells: list[Cell]) -> None:
    for kind in dict.fromkeys(cell.optimizer for cell in cells):
        here = [cell for cell in cells if cell.optimizer == kind]
        low, high = fitted(here)
        margins = held_out(here)
        share = np.mean([cell.trains for cell in here])
        print(f"{kind}: {len(here)} networks, {share:.0%} train; limits {low:.1f}, {high:.1f}")
        print(f"  {'held out':14}{'two-way':>8}{'clear':>8}{'right':>8}")
        for family in ("all", *dict.fromkeys(cell.family for cell in here)):
            some = {c: m for c, m in margins.items() if family in ("all", c.family)}
            clear = {c: m for c, m in some.items() if abs(m) > EDGE}
            two, sure = ([(m > 0) == c.trains for c, m in of.items()] for of in (some, clear))
            print(f"  {family:14}{np.mean(two):8.1%}{len(clear) / len(some):8.0%}{np.mean(sure):8.1%}")
        print(f"  AUC of the margin, held out: {auc(margins.values(), [c.trains for c in margins]):.3f}")
