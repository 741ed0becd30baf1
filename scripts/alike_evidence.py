"""Two limits of the forecast: how alike inputs may be for its rule, and how many classes one unit a layer can tell.

    python scripts/alike_evidence.py run       # half an hour on one thread; continues where it was stopped
    python scripts/alike_evidence.py table     # from docs/data/alike_inputs.csv and alike_weights.csv

Networks of width 128 in batches of 64 from 20,000 Fashion-MNIST images, as in forecast_evidence.py.

inputs:  `shift` is added to each pixel, in standard deviations: rows are the more alike the larger it is. 4
         initialisations x 3 activations x depths 2 and 5 x SGD with momentum and Adam x 4 learning rates x 2 seeds, 200
         steps. A network "trains" if it classifies half of 2,000 held-out images right.
weights: all equal, so each layer works as one unit; images of the first `classes` classes. 3 values x 2 activations x
         depths 1 and 2 x 4 learning rates, 200 steps. It "trains" if it classifies right more than half of what lies
         between chance and all.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from evidence.rates import Case, Judged

DOCS = Path(__file__).parents[1] / "docs" / "data"
INPUTS, WEIGHTS = DOCS / "alike_inputs.csv", DOCS / "alike_weights.csv"
OF_INPUTS = ("shift", "similarity", "activation", "depth", "optimizer", "lr", "init", "seed", "acc")
OF_WEIGHTS = ("classes", "activation", "depth", "lr", "value", "acc")
SHIFTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 6.0)
CLASSES = (2, 3, 4, 5, 6, 8, 10)
VALUES = (0.003, 0.03, 0.3)
LRS, MOMENTUM = {"sgd": (0.1, 0.03, 0.01, 0.001), "adam": (0.01, 0.003, 0.001, 0.0003)}, 0.9
HELD_OUT_BY = ("init", "activation", "depth", "similarity")
WIDTH, TRAIN, HELD_OUT, SEEDS = 128, 20_000, 2_000, 2


def schemes() -> dict[str, Any]:
    from initlab import init

    return {
        "kaiming": init.Kaiming(), "xavier": init.Xavier(), "orthogonal": init.Orthogonal(),
        "torch_default": init.TorchDefault(),
    }  # fmt: skip


def images() -> tuple[Tensor, Tensor]:
    from initlab.data.fashion_mnist.sources import load_fashion_mnist

    arrays = load_fashion_mnist("data")
    X = (torch.tensor(arrays.train_images).flatten(1).float() / 255 - 0.2860) / 0.3530
    return X, torch.tensor(arrays.train_labels, dtype=torch.int64)


def train(
    members: Sequence[Any], activation: str, outputs: int, depth: int, kind: str, lr: float, steps: int, *rows: Tensor
) -> Any:
    """Held-out accuracy of each (scheme, seed)."""
    from evidence.population import train_population

    from initlab.nn import SGD

    X, y = rows
    optimizer = partial(SGD, lr=lr, momentum=MOMENTUM) if kind == "sgd" else partial(torch.optim.Adam, lr=lr)
    acc, _ = train_population(
        members, activation, [784, *[WIDTH] * depth, outputs], (X[:-HELD_OUT], y[:-HELD_OUT]),
        (X[-HELD_OUT:], y[-HELD_OUT:]), optimizer, steps,
    )  # fmt: skip
    return acc.tolist()


def run() -> None:
    torch.set_num_threads(1)
    X, y = images()
    run_inputs(X[: TRAIN + HELD_OUT], y[: TRAIN + HELD_OUT])
    run_weights(X, y)


def run_inputs(X: Tensor, y: Tensor) -> None:
    from initlab.runs.rows import RowWriter
    from initlab.theory.inputs import inputs_of

    members = list(itertools.product(schemes().items(), range(SEEDS)))
    drawn = [(scheme, seed) for (_, scheme), seed in members]
    rates = [(kind, lr) for kind, lrs in LRS.items() for lr in lrs]
    done, rows = _begun(INPUTS, 6), RowWriter(INPUTS, OF_INPUTS)
    for shift in SHIFTS:
        similarity = f"{inputs_of(X[:TRAIN] + shift).similarity:.4f}"
        for activation, depth, (kind, lr) in itertools.product(("relu", "tanh", "gelu"), (2, 5), rates):
            head = (str(shift), similarity, activation, str(depth), kind, str(lr))
            if head in done:
                continue
            acc = train(drawn, activation, 10, depth, kind, lr, 200, X + shift, y)
            rows.write(
                dict(zip(OF_INPUTS, (*head, name, seed, f"{a:.4f}"), strict=True))
                for ((name, _), seed), a in zip(members, acc, strict=True)
            )
            print(*head, flush=True)


def run_weights(X: Tensor, y: Tensor) -> None:
    from initlab import init
    from initlab.runs.rows import RowWriter

    members = [(init.Constant(value=value), 0) for value in VALUES]
    done, rows = _begun(WEIGHTS, 4), RowWriter(WEIGHTS, OF_WEIGHTS)
    for classes, activation, depth, lr in itertools.product(CLASSES, ("relu", "tanh"), (1, 2), LRS["sgd"]):
        head = (str(classes), activation, str(depth), str(lr))
        if head in done:
            continue
        few = [part[y < classes][: TRAIN + HELD_OUT] for part in (X, y)]
        acc = train(members, activation, classes, depth, "sgd", lr, 200, *few)
        rows.write(
            dict(zip(OF_WEIGHTS, (*head, value, f"{a:.4f}"), strict=True)) for value, a in zip(VALUES, acc, strict=True)
        )
        print(*head, flush=True)


def _begun(path: Path, head: int) -> set[tuple[str, ...]]:
    return {tuple(line.split(",")[:head]) for line in path.read_text().splitlines()[1:]} if path.exists() else set()


def read_cases() -> list[tuple[float, Case]]:
    """How alike the inputs are, and each network with a learning rate."""
    from evidence.rates import case

    from initlab.forecasting import forecast
    from initlab.theory.inputs import inputs_of

    X, drawn = images()[0][:TRAIN], schemes()
    inputs = {str(shift): inputs_of(X + shift) for shift in SHIFTS}
    accs: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in _rows(INPUTS):
        accs[tuple(row[key] for key in ("shift", "init", "activation", "depth", "optimizer", "lr"))].append(
            float(row["acc"])
        )
    found = {}
    for shift, name, activation, depth, kind, _ in accs:
        if (key := (shift, name, activation, depth, kind)) not in found:
            widths = [784, *[WIDTH] * int(depth), 10]
            found[key] = forecast(drawn[name], activation, widths, inputs=inputs[shift], kind=kind)
    cases = []
    for (shift, name, activation, depth, kind, lr), acc in accs.items():
        m = MOMENTUM if kind == "sgd" else 0.0
        one = found[shift, name, activation, depth, kind]
        made = case(one, name, activation, int(depth), WIDTH, m, float(lr), kind, sum(acc) / len(acc))
        cases.append((inputs[shift].similarity, made))
    return cases


def held_out(cases: list[tuple[float, Case]], both: list[Case], by: str) -> Judged:
    """Each case with the limit of P fitted to those of all other values of `by`."""
    from evidence import rates

    alike = {id(case): similarity for similarity, case in cases}

    def value(case: Case) -> Any:
        return alike.get(id(case)) if by == "similarity" else getattr(case, by)

    limits = rates.limits_now(both[0].kind)
    far = {one: rates.fitted_far([c for c in both if value(c) != one]) for one in {value(case) for _, case in cases}}
    return [(case, limits | {"far": far[value(case)]}) for _, case in cases]


def of_weights(classes: int) -> list[bool]:
    """Whether each network whose weights are all alike trains with images of so many classes."""
    return [float(row["acc"]) > (1 + 1 / classes) / 2 for row in _rows(WEIGHTS) if row["classes"] == str(classes)]


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def show() -> None:
    from evidence import rates
    from forecast_evidence import read

    from initlab.forecasting.on_paper import ONE_UNIT

    found, (_, record) = read_cases(), read()
    for kind in LRS:
        here = [(alike, case) for alike, case in found if case.kind == kind]
        both = [case for _, case in here] + [case for case in record if case.kind == kind]
        limits = rates.limits_now(kind)
        print(
            f"{kind}: limit of P, by whether the activation is bounded, fitted to these and the record of "
            f"forecast_evidence.py: {rates.fitted_far(both)}; limits.py: {limits['far']}"
        )
        for title, limit in (("without it", rates.NO_LIMIT), ("with that of limits.py", limits["far"])):
            print(f"  {title}")
            for similarity in sorted({alike for alike, _ in here}):
                judged = [(case, limits | {"far": limit}) for alike, case in here if alike == similarity]
                print(f"    similarity {similarity:.2f}  {rates.score(judged)}")
        for by in HELD_OUT_BY:
            print(f"  held out by {by:12}{rates.score(held_out(here, both, by))}")
    print(f"weights, all alike: classes of the images, networks that train; the limit is {ONE_UNIT}")
    for classes in CLASSES:
        trains = of_weights(classes)
        print(f"  {classes:2}  {sum(trains)} of {len(trains)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    run() if parser.parse_args().what == "run" else show()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
