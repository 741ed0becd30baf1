"""The best of the learning rates: how well the limits of decades tell networks that train from those that do not.

A network (initialisation, activation, depth) and an optimiser is one cell, its accuracy the mean over the seeds; it
trains if at its best learning rate that is at least half.
"""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TRAINS = 0.5  # held-out accuracy; chance is 0.1
LOWS, HIGHS = np.arange(-12, 0.01, 0.25), np.arange(0.25, 8, 0.25)


@dataclass(frozen=True)
class Cell:
    init: str
    activation: str
    depth: int
    optimizer: str
    acc: float
    decades: float
    logit_std: float
    word: str  # of the forecast's verdict without a learning rate

    @property
    def trains(self) -> bool:
        return self.acc >= TRAINS


def read_cells(path: Path, forecast: Callable[[str, str, int, str], Any]) -> list[Cell]:
    """`forecast(init, activation, depth, kind)` gives a forecast."""
    accs: dict[tuple[Any, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = (row["init"], row["activation"], int(row["depth"]), row["optimizer"])
            accs[key][row["lr"]].append(float(row["acc"]))
    cells = []
    for key, by_rate in sorted(accs.items()):
        found = forecast(*key)
        best = max(float(np.mean(acc)) for acc in by_rate.values())
        cells.append(Cell(*key, best, found.decades, found.logit_std, found.verdict.word))
    return cells


def auc(scores: Iterable[float], trains: Iterable[bool]) -> float:
    """Probability that a run that trains scores higher than one that does not; ties count half."""
    score, label = np.array(list(scores)), np.array(list(trains))
    above, below = score[label], score[~label]
    if not (len(above) and len(below)):
        return float("nan")
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


def margin(cell: Cell, low: float, high: float) -> float:
    """Decades to the nearer limit, positive inside: the score of the rule; above 0 it says that the run trains."""
    return min(cell.decades - low, high - cell.decades)


def accuracy(cells: list[Cell], low: float, high: float) -> float:
    return float(np.mean([(margin(cell, low, high) > 0) == cell.trains for cell in cells]))


def held_out(cells: list[Cell], by: str) -> tuple[float, float]:
    """Each value of `by` in turn is left out of the fit and judged by it: share right, and the AUC of all those margins
    together, each to limits that its own run had no part in."""
    scores, trains = [], []
    for value in sorted({getattr(cell, by) for cell in cells}):
        limits = fitted([cell for cell in cells if getattr(cell, by) != value])
        inside = [cell for cell in cells if getattr(cell, by) == value]
        scores += [margin(cell, *limits) for cell in inside]
        trains += [cell.trains for cell in inside]
    return float(np.mean([(score > 0) == label for score, label in zip(scores, trains, strict=True)])), auc(
        scores, trains
    )


def clear_and_right(cells: list[Cell]) -> tuple[int, int]:
    """Cells with a clear verdict, and those of them where it is right."""
    clear = [cell for cell in cells if cell.word in ("trains", "will not train")]
    return len(clear), sum((cell.word == "trains") == cell.trains for cell in clear)


def report(cells: list[Cell], limits: dict[str, tuple[float, float]]) -> None:
    for optimizer in sorted({cell.optimizer for cell in cells}):
        some = [cell for cell in cells if cell.optimizer == optimizer]
        trains = [cell.trains for cell in some]
        share = float(np.mean(trains))
        low, high = fitted(some)
        print(
            f"{optimizer}: {len(some)} cells, {sum(trains)} train; always guessing alike: {max(share, 1 - share):.3f}"
        )
        scored: dict[str, list[float]] = {
            "-|decades|": [-abs(c.decades) for c in some],
            "margin to the limits": [margin(c, low, high) for c in some],
            "logit std": [c.logit_std for c in some],
            "depth alone": [-c.depth for c in some],
        }
        for name, scores in scored.items():
            print(f"  AUC of {name:22}{auc(scores, trains):.3f}")
        print(f"  fitted to all           {low:+.2f} < decades < {high:+.2f}: {accuracy(some, low, high):.3f} right")
        print(f"  the limits.py           {limits[optimizer]}: {accuracy(some, *limits[optimizer]):.3f} right")
        clear, right = clear_and_right(some)
        print(f"  the verdict             clear {clear}, right {right}")
        for by in ("init", "activation", "depth"):
            share, area = held_out(some, by)
            print(f"  held out by {by:12}{share:.3f} right, AUC of the margin {area:.3f}")
        wrong = [c for c in some if (margin(c, *limits[optimizer]) > 0) != c.trains]
        for (init, activation), group in itertools.groupby(wrong, key=lambda c: (c.init, c.activation)):
            cells_wrong = ", ".join(f"{c.depth} ({c.decades:+.1f}: {c.acc:.2f})" for c in group)
            print(f"    wrong: {init} {activation}, depth (decades: accuracy) {cells_wrong}")
