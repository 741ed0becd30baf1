"""How near does the forecast come to networks that are drawn? Every scheme with every activation, by width and depth.

    python scripts/forecast_accuracy.py run       # half an hour on one thread; goes on where it was stopped
    python scripts/forecast_accuracy.py table     # cells by width, from docs/forecast_accuracy.csv

13 schemes x 7 activations x widths 64, 256 and 1024, 50 layers deep and so of every depth from 1 to 50: the first
layers of a deep network are a shallow one. A row of docs/forecast_accuracy.csv is a scheme, an activation, a width and
a stretch of layers; evidence/coverage.py says what its columns are. The inputs are rows with the moments of
Fashion-MNIST, and each scheme draws with a seed of its own.

In the file that is kept, schemes with a cell below 93 % were drawn again with more networks (column draws), and those
whose signal falls below 1e-38, N(0, 0.01) at width 1024 among them, without flushing denormal numbers to 0.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CSV = Path(__file__).parents[1] / "docs" / "forecast_accuracy.csv"
DRAWS = {64: 600, 256: 120, 1024: 12}
DEPTH = 50
PROMISE = 0.93  # share inside the band of two sigma, which is nominally 0.954


def schemes() -> dict[str, Callable[[str], Any]]:
    """By name, from the activation; at some width each multiplies a signal by much less or more than 1."""
    from initlab import init

    return {
        "normal_0.01": lambda _: init.Normal(sigma=0.01), "uniform_0.2": lambda _: init.Uniform(bound=0.2),
        "truncated_normal_0.1": lambda _: init.TruncatedNormal(sigma=0.1), "xavier": lambda _: init.Xavier(),
        "lecun": lambda _: init.LeCun(), "kaiming": lambda _: init.Kaiming(),
        "kaiming_sqrt2": lambda _: init.Kaiming(gain=2**0.5), "orthogonal": lambda _: init.Orthogonal(),
        "sparse_0.9": lambda _: init.Sparse(sparsity=0.9, sigma=0.1), "torch_default": lambda _: init.TorchDefault(),
        "critical": lambda activation: init.Critical(activation=activation), "mup": lambda _: init.MuP(),
        "lsuv": lambda _: init.LSUV(),
    }  # fmt: skip


def run(path: Path, widths: list[int]) -> None:
    from evidence.coverage import COLUMNS, cells
    from evidence.draws import draw_networks

    from initlab.rules import ACTIVATION_NAMES
    from initlab.runs.rows import RowWriter
    from initlab.theory import FASHION_MNIST, forecast

    done = {tuple(line.split(",")[:2]) for line in path.read_text().splitlines()} if path.exists() else set()
    rows = RowWriter(path, COLUMNS)
    for width in widths:
        for seed, (name, maker) in enumerate(schemes().items()):
            if (str(width), name) in done:
                continue
            by_activation = {activation: maker(activation) for activation in ACTIVATION_NAMES}
            draws = DRAWS[width] // 4 if name == "lsuv" else DRAWS[width]  # 1 by construction
            std, log_gradient = draw_networks(by_activation, FASHION_MNIST, width, DEPTH, draws, seed)
            for k, (activation, scheme) in enumerate(by_activation.items()):
                # The band without the chance of which inputs a batch has: these rows have the mean exactly.
                found = forecast(scheme, activation, [784, *[width] * DEPTH, 10], batch=10**9)
                head = {"width": str(width), "init": name, "activation": activation}
                rows.write(head | row for row in cells(found, std[:, k], log_gradient[:, k]))
            print(width, name, flush=True)


def show(path: Path) -> None:
    with open(path, newline="") as file:
        table = list(csv.DictReader(file))
    for width in sorted({int(row["width"]) for row in table}):
        here = [row for row in table if int(row["width"]) == width]
        print(f"width {width}, {max(int(row['draws']) for row in here)} draws a network")
        for what, name in (("", "std"), ("gradient_", "gradient")):
            shown = [row for row in here if row[f"{what}inside"]]
            inside, error = (np.array([float(row[f"{what}{end}"]) for row in shown]) for end in ("inside", "error"))
            none = sum(float(row[f"{what}shown"] or 1) == 0 for row in here)
            print(
                f"  {name:9} at least {PROMISE:.0%} in the band in {(inside >= PROMISE).sum()} of {len(shown)} cells, "
                f"mean {inside.mean():.1%}; below it by two standard errors: {(inside + 2 * error < PROMISE).sum()}; "
                f"no band at all in {none}"
            )
            for row, share in zip(shown, inside, strict=True):
                if share < PROMISE:
                    where = f"{row['init']} {row['activation']}, layers {row['layers']}"
                    print(f"      {where:46}{share:.1%} +- {float(row[f'{what}error']):.1%}")
        for column, what in (("ten", "one draw"), ("ten_of_mean", "the mean of the draws")):
            share = [float(row[column]) for row in here if row[column]]
            print(
                f"  gradient over ten layers within 10 %, of {what}: {np.mean(share):.1%}, worst cell {min(share):.1%}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--csv", type=Path, default=CSV)
    parser.add_argument("--widths", type=int, nargs="+", choices=DRAWS, default=list(DRAWS))
    args = parser.parse_args()
    if args.what == "run":
        run(args.csv, args.widths)
    else:
        show(args.csv)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
