"""How near does the forecast come to networks that are drawn? Every scheme with every activation, by width and depth.

    python scripts/forecast_accuracy.py run       # half an hour on one thread; resumes where it was stopped
    python scripts/forecast_accuracy.py table     # cells by width, from docs/data/forecast_accuracy.csv

9 schemes x 5 activations x widths 16, 64 and 256, 5 and 30 layers deep; at widths 1024 and 2048 three schemes, three
activations and 5 layers. A row of docs/data/forecast_accuracy.csv is a scheme, an activation, a width, a depth and a
stretch of layers; evidence/coverage.py says what its columns are. Each draw has new weights and a batch of its own,
rows with the sizes and the similarity of Fashion-MNIST; each scheme has a seed of its own. `init=lsuv` is not here:
its std is 1 within its tolerance by construction.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

CSV = Path(__file__).parents[1] / "docs" / "data" / "forecast_accuracy.csv"
RUNS = {  # (width, depth): draws, rows of a batch
    (16, 5): (200, 64), (64, 5): (200, 64), (256, 5): (120, 64), (16, 30): (120, 64), (64, 30): (80, 64),
    (1024, 5): (30, 32), (2048, 5): (15, 32), (256, 30): (30, 64),
}  # fmt: skip
ACTIVATIONS = "identity", "relu", "tanh", "sigmoid", "gelu"
WIDE, FEW, SOME = 1024, ("kaiming", "orthogonal", "torch_default"), ("relu", "tanh", "gelu")
PROMISED = 0.93, 0.97  # share inside the band of two sigma, which is nominally 0.954


def schemes() -> dict[str, Callable[[str], Any]]:
    """By name, from the activation; at some width each multiplies a signal by much less or more than 1."""
    from initlab import init

    return {
        "kaiming": lambda _: init.Kaiming(), "orthogonal": lambda _: init.Orthogonal(),
        "torch_default": lambda _: init.TorchDefault(), "normal_0.01": lambda _: init.Normal(sigma=0.01),
        "uniform_0.2": lambda _: init.Uniform(bound=0.2), "sparse_0.9": lambda _: init.Sparse(sparsity=0.9, sigma=0.1),
        "critical": lambda activation: init.Critical(activation=activation), "xavier": lambda _: init.Xavier(),
        "kaiming_sqrt2": lambda _: init.Kaiming(gain=2**0.5),
    }  # fmt: skip


def run(path: Path, widths: list[int]) -> None:
    from evidence.coverage import COLUMNS, cells
    from evidence.draws import draw_networks

    from initlab.forecasting import forecast
    from initlab.runs.rows import RowWriter
    from initlab.theory import FASHION_MNIST

    inputs = replace(FASHION_MNIST, pair_square=None)  # all pairs equally alike
    done = {tuple(line.split(",")[:3]) for line in path.read_text().splitlines()} if path.exists() else set()
    rows = RowWriter(path, COLUMNS)
    for (width, depth), (draws, batch) in RUNS.items():
        for seed, (name, maker) in enumerate(schemes().items()):
            if (str(width), str(depth), name) in done or width not in widths or (width >= WIDE and name not in FEW):
                continue
            by_activation = {a: maker(a) for a in (SOME if width >= WIDE else ACTIVATIONS)}
            seeded = 1000 * width + 20 * depth + seed
            drawn = draw_networks(by_activation, inputs, width, depth, draws, batch, seeded)
            for k, (activation, scheme) in enumerate(by_activation.items()):
                found = forecast(scheme, activation, [784, *[width] * depth, 10], inputs=inputs, batch=batch)
                head = {"width": str(width), "depth": str(depth), "init": name, "activation": activation}
                for row in cells(found, *(of_all[:, k] for of_all in drawn)):
                    rows.write([head | {"batch": str(batch)} | row])
            print(width, depth, name, flush=True)


def show(path: Path) -> None:
    with open(path, newline="") as file:
        table = list(csv.DictReader(file))
    low, high = PROMISED
    for width in sorted({int(row["width"]) for row in table}):
        here = [row for row in table if int(row["width"]) == width]
        print(f"width {width}, {max(int(row['draws']) for row in here)} draws a network")
        for what, name in (("", "std"), ("gradient_", "gradient")):
            shown = [row for row in here if row[f"{what}inside"]]
            inside, error = (np.array([float(row[f"{what}{end}"]) for row in shown]) for end in ("inside", "error"))
            draws = np.array([int(row["draws"]) for row in shown])
            error = np.where(inside < 1, error, np.sqrt(0.954 * 0.046 / draws))  # all of few draws: no error to be seen
            sigma = np.array([float(row[f"{what}sigma"]) for row in shown])
            beyond = (inside + 2 * error < low) | (inside - 2 * error > high)
            none = sum(float(row[f"{what}shown"] or 1) == 0 for row in here)
            print(
                f"  {name:9} mean {inside.mean():.1%} in the band of {len(shown)} cells; from {low:.0%} to {high:.0%} "
                f"within two standard errors in {(~beyond).sum()}; sigma over that of the draws: median "
                f"{np.median(sigma):.2f}, 9 of 10 {np.quantile(sigma, 0.05):.2f} to {np.quantile(sigma, 0.95):.2f}; "
                f"no band in {none}"
            )
            for row, share in zip(shown, inside, strict=True):
                if beyond[shown.index(row)]:
                    where = f"{row['init']} {row['activation']}, depth {row['depth']}, layers {row['layers']}"
                    print(f"      {where:52}{share:.1%} +- {float(row[f'{what}error']):.1%}")
        typical = np.array([float(row["typical"]) for row in here if row["typical"]])
        off = np.array([abs(float(row["alike"]) - float(row["alike_said"])) for row in here if row["alike"] != "nan"])
        print(
            f"  typical std over that of the draws: nine of ten cells {np.quantile(typical, 0.05):.2f} to "
            f"{np.quantile(typical, 0.95):.2f}; alike off by {np.median(off):.3f}, "
            f"nine of ten by {np.quantile(off, 0.9):.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--csv", type=Path, default=CSV)
    parser.add_argument("--widths", type=int, nargs="+", default=sorted({width for width, _ in RUNS}))
    args = parser.parse_args()
    if args.what == "run":
        run(args.csv, args.widths)
    else:
        show(args.csv)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
