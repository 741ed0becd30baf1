"""A CSV file to tensors, and pandas.read_csv alone: 20 columns and a target, some cells missing."""

from __future__ import annotations

import csv
import random
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.turns import Times, Turn, alternate

ALONE = "pandas.read_csv alone"
KINDS = {"numbers": 0, "numbers and three columns of text": 3}  # columns of text among the 20
ROWS = 100_000
MISSING = 0.02  # of the cells, but no target


def csv_file(rounds: int, rows: int = ROWS) -> Times:
    """Seconds of reading each file by `initlab.data.CSVTable`, from the disk to the tensors of its three parts."""
    with tempfile.TemporaryDirectory() as folder:
        turns: dict[str, Turn] = {}
        for number, (kind, text) in enumerate(KINDS.items()):
            path = Path(folder, f"{number}.csv")
            write(path, rows, text)
            turns[f"{kind}: {ALONE}"] = partial(by_pandas, path)
            turns[kind] = partial(to_tensors, path)
        return alternate(turns, rounds, {kind: f"{kind}: {ALONE}" for kind in KINDS})


def write(path: Path, rows: int, text: int, seed: int = 0) -> None:
    """`text` of the 20 columns hold words, the last of these with commas, so its cells are quoted."""
    chance = random.Random(seed)
    words = [f"kind {i}" for i in range(20)]
    quoted = [f"Row {i}, Main Street" for i in range(20)]

    def cell(column: int) -> str:
        if chance.random() < MISSING:
            return ""
        if column < text:
            return chance.choice(quoted if column == text - 1 else words)
        return f"{chance.gauss(0, 10):.4f}"

    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow([*(f"x{column}" for column in range(20)), "y"])
        for _ in range(rows):
            lines.writerow([*map(cell, range(20)), f"{chance.gauss(0, 1):.4f}"])


def by_pandas(path: Path) -> float:
    import pandas as pd

    start = time.perf_counter()
    pd.read_csv(path)
    return time.perf_counter() - start


def to_tensors(path: Path) -> float:
    from initlab.data import CSVTable

    start = time.perf_counter()
    CSVTable(path=path, target="y", task="regression").setup("fit")
    return time.perf_counter() - start
