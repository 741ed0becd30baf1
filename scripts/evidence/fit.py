"""How well a rule on the forecast tells runs that train from runs that do not."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TRAINS = 0.5  # held-out accuracy; chance is 0.1
LOWS, HIGHS = np.arange(-12, 0.01, 0.25), np.arange(0.25, 6, 0.25)


@dataclass(frozen=True)
class Cell:
    """One network and one draw: the better of its step sizes, and what was foretold."""

    init: str
    activation: str
    depth: int
    optimizer: str
    seed: int
    acc: float
    decades: float
    logit_std: float

    @property
    def trains(self) -> bool:
        return self.acc >= TRAINS


def read_cells(path: Path, foretell: Callable[[str, str, int], Any]) -> list[Cell]:
    """`foretell(init, activation, depth)` gives a forecast."""
    best: dict[tuple[Any, ...], float] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = (row["init"], row["activation"], int(row["depth"]), row["optimizer"], int(row["seed"]))
            best[key] = max(best.get(key, 0.0), float(row["acc"]))
    forecasts = {network: foretell(*network) for network in {key[:3] for key in best}}
    return [
        Cell(*key, acc, forecasts[key[:3]].decades, forecasts[key[:3]].logit_std) for key, acc in sorted(best.items())
    ]


def auc(scores: Iterable[float], trains: Iterable[bool]) -> float:
    """Probability that a run that trains scores higher than one that does not; ties count half."""
    score, label = np.array(list(scores)), np.array(list(trains))
    above, below = score[label], score[~label]
    difference = above[:, None] - below[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def fitted(cells: list[Cell]) -> tuple[float, float]:
    """(low, high) of decades with the most cells right; of equally good ones the middle."""
    decades = np.array([cell.decades for cell in cells])
    trains = np.array([cell.trains for cell in cells])
    right = np.array([[(((low < decades) & (decades < high)) == trains).sum() for high in HIGHS] for low in LOWS])
    best = np.argwhere(right == right.max())
    i, j = best[len(best) // 2]
    return float(LOWS[i]), float(HIGHS[j])


def accuracy(cells: list[Cell], low: float, high: float) -> float:
    return float(np.mean([(low < cell.decades < high) == cell.trains for cell in cells]))


def held_out(cells: list[Cell], by: str) -> float:
    """Each value of `by` in turn is left out of the fit and judged by it."""
    right = 0.0
    for value in sorted({getattr(cell, by) for cell in cells}):
        inside = [cell for cell in cells if getattr(cell, by) == value]
        right += len(inside) * accuracy(inside, *fitted([cell for cell in cells if getattr(cell, by) != value]))
    return right / len(cells)


def report(cells: list[Cell], limits: dict[str, tuple[float, float]]) -> None:
    for optimizer in sorted({cell.optimizer for cell in cells}):
        some = [cell for cell in cells if cell.optimizer == optimizer]
        trains = [cell.trains for cell in some]
        share = float(np.mean(trains))
        low, high = fitted(some)
        print(
            f"{optimizer}: {len(some)} runs, {sum(trains)} train; always guessing the same: {max(share, 1 - share):.3f}"
        )
        for name, scores in {
            "-|decades|": [-abs(c.decades) for c in some],
            "margin to the limits": [min(c.decades - low, high - c.decades) for c in some],
            "logit std": [c.logit_std for c in some],
            "depth alone": [-c.depth for c in some],
        }.items():
            print(f"  AUC of {name:22}{auc(scores, trains):.3f}")
        print(f"  fitted to all           {low:+.2f} < decades < {high:+.2f}: {accuracy(some, low, high):.3f} right")
        print(f"  the limits of rule.py   {limits[optimizer]}: {accuracy(some, *limits[optimizer]):.3f} right")
        clear = [c for c in some if min(abs(c.decades - limit) for limit in limits[optimizer]) >= 0.5]
        print(f"  of them not on the edge {len(clear)}: {accuracy(clear, *limits[optimizer]):.3f} right")
        for by in ("init", "activation", "depth", "seed"):
            print(f"  held out by {by:12}{held_out(some, by):.3f}")
        wrong = [c for c in some if (limits[optimizer][0] < c.decades < limits[optimizer][1]) != c.trains]
        for (init, activation), group in itertools.groupby(wrong, key=lambda c: (c.init, c.activation)):
            cells_wrong = ", ".join(f"{c.depth} ({c.decades:+.1f}: {c.acc:.2f})" for c in group)
            print(f"    wrong: {init} {activation}, depth (decades: accuracy) {cells_wrong}")
