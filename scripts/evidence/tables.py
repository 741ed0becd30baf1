"""Made-up tables: classes that are easily told apart, in units of their own, with a constant column, with labels at
random."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

ROWS, COLUMNS, CLASSES = 3000, 8, 4


def make_tables(folder: Path) -> dict[str, Path]:
    """By name: blobs, raw, constant, shuffled (classes), numbers, noise (a regression)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=ROWS)
    X = 1.5 * rng.standard_normal((CLASSES, COLUMNS))[y] + rng.standard_normal((ROWS, COLUMNS))
    units = 10 ** rng.uniform(1.5, 3, COLUMNS)  # a year, an area, a price
    value = np.tanh(X @ rng.standard_normal(COLUMNS) / 3) + X[:, 0] / 3
    names = np.array(["ant", "bee", "cat", "dog"])
    tables = {
        "blobs": (X, names[y]),
        "raw": (units * (X + 3), names[y]),
        "constant": (np.column_stack([X, np.full(ROWS, 2e4)]), names[y]),
        "shuffled": (X, names[rng.permutation(y)]),
        "numbers": (X, value),
        "noise": (X, rng.permutation(value)),
    }
    for name, (inputs, target) in tables.items():
        with open(folder / f"{name}.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow([*(f"x{i}" for i in range(inputs.shape[1])), "y"])
            rows.writerows([*(f"{x:.5g}" for x in row), t] for row, t in zip(inputs, target, strict=True))
    return {name: folder / f"{name}.csv" for name in tables}
