"""The learning rate: each rate of the record judged by itself, limits fitted with a part of the runs held out.

A case is a network (initialisation, activation, depth, width), an optimiser and a learning rate; it "trains" if the
mean held-out accuracy over its seeds is at least half. Two seeds are one case.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evidence.fit import TRAINS, auc
from initlab.forecasting.rule import NOT, UNSURE, judge
from initlab.forecasting.rule import TRAINS as GOOD
from initlab.limits import EDGE, EDGE_LARGE, EDGE_SMALL, TOO_FAR, TOO_LARGE, TOO_SMALL, UNSTABLE_GAIN, limits_of

GRID = np.arange(-4, 4, 0.05)
SIGN = {GOOD: 1, UNSURE: 0, NOT: -1}
HELD_OUT = ("init", "activation", "depth", "width", "momentum")
NO_LIMIT = {False: np.inf, True: np.inf}
Limits = dict[Any, Any]


@dataclass(frozen=True)
class Case:
    init: str
    activation: str
    depth: int
    width: int
    momentum: float
    lr: float
    kind: str = field(repr=False)
    acc: float
    decades: float
    small: float  # log10 of 200 lr / (1 - m) D
    large: float  # log10 of lr / (1 + m) R sum 1 / n
    far: float  # log10 of lr / (1 - m) P
    bounded: bool
    amplified: float  # decades

    @property
    def trains(self) -> bool:
        return self.acc >= TRAINS

    def of_rate(self, limits: Limits) -> float:
        """In edges, to the nearest limit of the learning rate."""
        below = min(limits[self.bounded] - self.large, limits["far"][self.bounded] - self.far) / EDGE_LARGE
        above = (self.small - limits["small"]) / EDGE_SMALL[self.kind]
        return float(min(below, above))

    def margin(self, limits: Limits) -> float:
        """To the nearest limit of all; above 0 it is more likely to train than not."""
        low, high = limits_of(self.kind, self.bounded)
        return float(min((self.decades - low) / EDGE, (high - self.decades) / EDGE, self.of_rate(limits)))

    def verdict(self, limits: Limits) -> int:
        """1: trains, -1: does not, 0: on the edge; as `initlab.forecasting.on_paper` decides."""
        best = SIGN[judge(self.decades, self.kind, self.bounded).word]
        here = self.of_rate(limits)
        sign = min(best, 0 if abs(here) < 1 else int(np.sign(here)))
        return 0 if sign == 1 and self.amplified > UNSTABLE_GAIN else sign


Judged = list[tuple[Case, Limits]]


def read_cases(path: Path, width: int, momentum: float, forecast: Callable[[str, str, int, str], Any]) -> list[Case]:
    """`forecast(init, activation, depth, kind)` gives a forecast."""
    accs: dict[tuple[str, str, int, str, float], list[float]] = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = (row["init"], row["activation"], int(row["depth"]), row["optimizer"], float(row["lr"]))
            accs[key].append(float(row["acc"]))
    found = {network: forecast(*network) for network in {key[:4] for key in accs}}
    cases = []
    for (init, activation, depth, kind, lr), acc in sorted(accs.items()):
        network = (init, activation, depth)
        cases.append(
            case(
                found[*network, kind],
                *network,
                width,
                momentum if kind == "sgd" else 0.0,
                lr,
                kind,
                float(np.mean(acc)),
            )
        )
    return cases


def case(
    found: Any, init: str, activation: str, depth: int, width: int, m: float, lr: float, kind: str, acc: float
) -> Case:
    """Of a network with this forecast: what the limits are of."""
    with np.errstate(divide="ignore"):
        small = float(np.log10(200 * lr / (1 - m) * found.effects.apart))
        large = float(np.log10(lr / (1 + m) * found.effects.share))
        far = float(np.log10(lr / (1 - m) * found.effects.push))
    return Case(
        init, activation, depth, width, m, lr, kind, acc, found.decades, small, large, far, found.effects.bounded,
        found.amplified,
    )  # fmt: skip


def fitted_far(cases: list[Case]) -> dict[bool, float]:
    """By whether the activation is bounded, the limit of P with the most right of what the other limits let train."""
    limits = limits_now(cases[0].kind) | {"far": NO_LIMIT}
    some = {bounded: [c for c in cases if c.bounded == bounded and c.margin(limits) > 0] for bounded in NO_LIMIT}
    return {bounded: _best([-c.far for c in part], [c.trains for c in part], -1) for bounded, part in some.items()}


def fitted(cases: list[Case]) -> Limits:
    """The limits with the most right of the cases that the other limits let train; of equally good ones the middle."""
    kind = cases[0].kind
    limits = limits_now(kind)
    inside = [
        c
        for c in cases
        if min(c.decades - limits_of(kind, c.bounded)[0], limits_of(kind, c.bounded)[1] - c.decades) > EDGE
    ]
    some = inside if kind == "adam" else cases  # SGD's D knows what the decades know
    for bounded in (False, True):
        fast = [c for c in inside if c.bounded == bounded and c.small > TOO_SMALL[kind] + EDGE_SMALL[kind]]
        fast = [c for c in fast if c.far < limits["far"][bounded]]
        limits[bounded] = _best([-c.large for c in fast], [c.trains for c in fast], -1)
    slow = [c for c in some if c.large < limits[c.bounded] - EDGE_LARGE]
    limits["small"] = _best([c.small for c in slow], [c.trains for c in slow], 1)
    return limits


def held_out(cases: list[Case]) -> dict[str, Judged]:
    """By what is held out: each case with the limits fitted to those of all other values of it."""
    found = {}
    for by in HELD_OUT:
        values = sorted({getattr(c, by) for c in cases})
        if len(values) > 1:
            left = {value: fitted([c for c in cases if getattr(c, by) != value]) for value in values}
            found[by] = [(c, left[getattr(c, by)]) for c in cases]
    return found


def clear_and_right(judged: Judged) -> tuple[int, int]:
    """Cases with a clear verdict, and those of them where it is right."""
    clear = [(case.verdict(limits) == 1) == case.trains for case, limits in judged if case.verdict(limits)]
    return len(clear), sum(clear)


def limits_now(kind: str) -> Limits:
    return dict(TOO_LARGE[kind]) | {"small": TOO_SMALL[kind], "far": TOO_FAR[kind]}


def _best(scores: list[float], trains: list[bool], sign: int) -> float:
    """Within the range of the scores: where none fails, no limit beyond what was tried."""
    score, label = np.array(scores), np.array(trains)
    grid = GRID[(sign * GRID >= score.min()) & (sign * GRID <= score.max())]
    right = np.array([((score > sign * limit) == label).mean() for limit in grid])
    best = np.flatnonzero(right == right.max())
    return float(grid[best[len(best) // 2]])


def report(cases: list[Case]) -> None:
    for kind in ("sgd", "adam"):
        some = [c for c in cases if c.kind == kind]
        limits = limits_now(kind)
        ours = {str(name): round(limit, 2) for name, limit in fitted(some).items() if name != "far"}
        print(f"{kind}: {len(some)} cases, {sum(c.trains for c in some)} train; fitted: {ours}; limits.py: {limits}")
        print(f"  {'limits.py':24}{score([(c, limits) for c in some])}")
        for width, momentum in sorted({(c.width, c.momentum) for c in some}):
            part = [(c, limits) for c in some if (c.width, c.momentum) == (width, momentum)]
            print(f"    width {width:4}, momentum {momentum:<4}{score(part)}")
        for by, judged in held_out(some).items():
            print(f"  held out by {by:12}{score(judged)}")
        wrong = [c for c in some if c.verdict(limits) == (-1 if c.trains else 1)]
        for c in wrong:
            print(
                f"    wrong: {c.init} {c.activation} {c.depth} x {c.width}, momentum {c.momentum}, lr {c.lr}: {c.acc}"
            )


def score(judged: Judged) -> str:
    verdicts = np.array([case.verdict(limits) for case, limits in judged])
    margins = np.array([case.margin(limits) for case, limits in judged])
    trains = np.array([case.trains for case, _ in judged])
    yes, no = verdicts == 1, verdicts == -1
    clear, right = clear_and_right(judged)
    return (
        f"clear {clear} of {len(judged)}, right {right} ({right / clear:.1%}); trains {trains[yes].sum()} of "
        f"{yes.sum()}, will not {(~trains[no]).sum()} of {no.sum()}; two-way {((margins > 0) == trains).mean():.1%}, "
        f"AUC {auc(margins, trains):.3f}"
    )
