"""The rule of any network is what its record says it is."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from initlab import forecast
from initlab.forecasting.measured.rule import AMPLIFIED, EDGE, FAMILIES, HELD_OUT, PULL
from initlab.forecasting.rule import UNKNOWN

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def scripts() -> Any:
    import network_evidence

    return network_evidence


def test_the_record_is_whole() -> None:
    """At least 800 runs: every case with two seeds, tried at further rates until it trained or none was left."""
    with open(ROOT / "docs" / "data" / "network_evidence.csv") as file:
        rows = list(csv.DictReader(file))
    tried: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        tried.setdefault(tuple(row[key] for key in ("family", "init", "depth", "optimizer", "seed")), []).append(
            float(row["acc"])
        )
    assert len(rows) > 1500
    assert len(tried) == 11 * 8 * 3 * 2 * 2
    assert all(max(accs) >= 0.5 or len(accs) == 3 for accs in tried.values())


def test_the_limits_and_the_hit_rates_are_those_of_the_record(scripts: Any) -> None:
    from evidence.fit import auc
    from evidence.network_fit import NOT_JUDGED, fitted, held_out, score

    cells, rest = scripts.cells(scripts.CSV), []
    for kind in ("sgd", "adam"):
        here = [cell for cell in cells if cell.optimizer == kind]
        assert fitted(here) == (*PULL[kind], AMPLIFIED[kind])
        margins = held_out(here)
        judged = {c: m for c, m in margins.items() if c.family not in NOT_JUDGED}
        it = score(judged)
        assert HELD_OUT[kind] == (it.right, it.clear, it.count)
        assert len({c.family for c in judged}) == FAMILIES
        assert it.right / it.clear >= 0.93
        assert auc(list(judged.values()), [c.trains for c in judged]) >= 0.96
        rest.append(score({c: m for c, m in margins.items() if c.family in NOT_JUDGED}))
        right = np.mean([(m > 0) == c.trains for c, m in margins.items()])  # by hand
        assert score(margins).two_way == right
        assert score(margins).clear == sum(abs(m) >= EDGE for m in margins.values())
    assert (sum(it.clear for it in rest), sum(it.right for it in rest)) == (96, 83)  # why the rule abstains


@pytest.mark.parametrize("init", ["kaiming", "normal_1"])
def test_it_abstains_of_the_families_of_which_it_falls_short(scripts: Any, init: str) -> None:
    from evidence.network_fit import NOT_JUDGED
    from evidence.networks import FAMILIES as MADE
    from evidence.networks import drawn

    X, y = scripts.images()
    unknown = set()
    for family, (_, depths) in MADE.items():
        found = forecast(drawn(family, depths[1], init, 0), (X[:32], y[:32]), draws=1, fix=False)
        unknown |= {family} if found.verdict.word == UNKNOWN else set()
    assert unknown == set(NOT_JUDGED)


def test_the_numbers_of_the_record_can_be_measured_again(scripts: Any) -> None:
    """Two decimals: the sums of another thread count or processor differ by less."""
    X, y = scripts.images()
    known = {(c.family, c.depth, c.init): (c.pull, c.amplified) for c in scripts.cells(scripts.CSV)}
    for case in (("dense", 4, "kaiming"), ("cnn_norm", 4, "torch_default"), ("lstm", 1, "orthogonal")):
        assert scripts.measured(*case, X, y) == pytest.approx(known[case], abs=0.01)


def test_the_docs_say_so(scripts: Any) -> None:
    from evidence.fit import auc
    from evidence.network_fit import NOT_JUDGED, held_out, score

    right, clear, networks = (sum(numbers) for numbers in zip(*HELD_OUT.values(), strict=True))
    every = len(scripts.cells(scripts.CSV))
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"Of {clear} clear verdicts" in readme
    assert f"{right} were right" in readme
    page = (ROOT / "docs" / "forecast.md").read_text()
    cells = scripts.cells(scripts.CSV)
    assert f"{every} small networks" in page
    assert f"{networks} of {every}" in page
    rows: dict[str, list[str]] = {"two-way": [], "clear": [], "AUC": []}
    for kind in ("sgd", "adam"):
        margins = held_out([cell for cell in cells if cell.optimizer == kind])
        margins = {cell: of for cell, of in margins.items() if cell.family not in NOT_JUDGED}
        it = score(margins)
        rows["two-way"].append(f"{100 * it.two_way:.1f} %")
        rows["clear"].append(f"{it.clear}; {it.right}")
        rows["AUC"].append(f"{auc(margins.values(), [c.trains for c in margins]):.3f}"[1:])
    for cells_of_row in rows.values():
        assert f"| {' | '.join(cells_of_row)} |" in page
