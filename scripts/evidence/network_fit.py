"""How well two numbers, measured before the training, tell the networks that train from those that do not."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evidence.fit import auc
from initlab.forecasting.measured.rule import EDGE

TRAINS = 0.5  # held-out accuracy
LOWS, HIGHS, MOST = np.arange(-8, 0, 0.1), np.arange(0, 6, 0.1), np.arange(0.4, 3, 0.1)
NOT_JUDGED = ("dense_norm", "post_ln")  # the rule abstains, as it falls short of them
Limits = tuple[float, float, float]  # of pull, and the largest `amplified`


@dataclass(frozen=True)
class Cell:
    """A network (family, initialisation, depth) and an optimiser: the mean over its seeds of the best accuracy, and the
    rule's two numbers."""

    family: str
    init: str
    depth: int
    optimizer: str
    acc: float
    pull: float
    amplified: float

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


def fitted(cells: Iterable[Cell]) -> Limits:
    """Those with the most cells right; of equally good ones the middle."""
    cells = list(cells)
    pull, amplified = (np.array([getattr(cell, what) for cell in cells]) for what in ("pull", "amplified"))
    trains = np.array([cell.trains for cell in cells])
    inside = (LOWS[:, None, None] < pull) & (pull < HIGHS[None, :, None])
    right = np.stack([((inside & (amplified < most)) == trains).sum(-1) for most in MOST])
    best = np.argwhere(right == right.max())
    k, i, j = best[len(best) // 2]
    return round(float(LOWS[i]), 1), round(float(HIGHS[j]), 1), round(float(MOST[k]), 1)


def margin(cell: Cell, limits: Limits) -> float:
    """Decades inside the nearest limit."""
    low, high, most = limits
    return min(cell.pull - low, high - cell.pull, most - cell.amplified)


def held_out(cells: list[Cell]) -> dict[Cell, float]:
    """The margin of each cell within limits fitted without its family."""
    families = dict.fromkeys(cell.family for cell in cells)
    limits = {family: fitted(cell for cell in cells if cell.family != family) for family in families}
    return {cell: margin(cell, limits[cell.family]) for cell in cells}


@dataclass(frozen=True)
class Score:
    """Of margins: how many networks; the share right of all, the clear ones, the share right of these."""

    count: int
    two_way: float
    clear: int
    right: int


def score(margins: Mapping[Cell, float]) -> Score:
    right = {cell: (of > 0) == cell.trains for cell, of in margins.items()}
    clear = [cell for cell, of in margins.items() if abs(of) >= EDGE]
    return Score(len(margins), float(np.mean(list(right.values()))), len(clear), sum(right[cell] for cell in clear))


def report(cells: list[Cell]) -> None:
    for kind in sorted({cell.optimizer for cell in cells}):
        here = [cell for cell in cells if cell.optimizer == kind]
        margins = held_out(here)
        share = np.mean([cell.trains for cell in here])
        print(f"{kind}: {len(here)} networks, {share:.0%} train; limits {fitted(here)}")
        print(f"  {'held out':22}{'networks':>9}{'two-way':>9}{'clear':>7}{'right':>7}")
        every = dict.fromkeys(cell.family for cell in here)
        judged = [family for family in every if family not in NOT_JUDGED]
        groups = {"all": list(every), "judged": judged, **{family: [family] for family in every}}
        for name, families in groups.items():
            it = score({cell: of for cell, of in margins.items() if cell.family in families})
            print(f"  {name:22}{it.count:9}{it.two_way:9.1%}{it.clear:7}{it.right:7}")
        for name in ("all", "judged"):
            some = [cell for cell in margins if cell.family in groups[name]]
            area = auc([margins[cell] for cell in some], [cell.trains for cell in some])
            print(f"  AUC of the margin, held out, {name}: {area:.3f}")
