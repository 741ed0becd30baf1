"""metrics.csv keeps what it is given, and is cut back to what it was."""

import math
import random
from pathlib import Path

import pandas as pd
import pytest

from initlab.runs.epoch_table import EpochTable, cut_back_table


def test_a_new_column_loses_nothing(tmp_path: Path) -> None:
    rows = [
        {"epoch": 0, "step": 5, "train/loss": 1 / 3},
        {"epoch": 1, "step": 10, "train/loss": 1e-300, "val/loss": float("inf")},
        {"epoch": 2, "step": 15, "a, quoted": 2.5},
    ]
    table = EpochTable(tmp_path / "metrics.csv")
    for row in rows:
        table.add(row)
    table.amend({"late": 7, "a, quoted": 3.5})
    rows[-1] |= {"late": 7, "a, quoted": 3.5}
    read = pd.read_csv(tmp_path / "metrics.csv")
    assert list(read.columns) == ["epoch", "step", "a, quoted", "late", "train/loss", "val/loss"]
    for row, (_, its) in zip(rows, read.iterrows(), strict=True):
        assert {name: value for name, value in its.items() if not math.isnan(value)} == row


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_same_file_wherever_it_was_cut_back(tmp_path: Path, seed: int) -> None:
    """Rows whose names come and go, cut back to a random earlier state and written on by another table object."""
    chance = random.Random(seed)
    names = ["a", "b", "c", "d"]
    rows = [
        {"epoch": e, "step": 10 * e} | {name: chance.random() for name in chance.sample(names, min(4, 1 + e // 3))}
        for e in range(12)
    ]
    straight = EpochTable(tmp_path / "straight.csv")
    for row in rows:
        straight.add(row)

    path = tmp_path / "metrics.csv"
    table, states = EpochTable(path), []
    at = 0
    for _ in range(40):
        states = states[: at + 1] or [table.state_dict()]
        if at == len(rows):
            break
        table.add(rows[at])
        at += 1
        states.append(table.state_dict())
        if chance.random() < 0.3:
            at = chance.randrange(at)
            if chance.random() < 0.5:
                path.write_bytes(path.read_bytes() + b"7,70,0.")  # killed while it wrote
            assert cut_back_table(path, states[at])
            table = EpochTable(path)
            assert table.state_dict() == states[at]
    for row in rows[at:]:
        table.add(row)
    assert path.read_bytes() == (tmp_path / "straight.csv").read_bytes()
