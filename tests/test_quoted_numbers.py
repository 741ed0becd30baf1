"""Every number that a text quotes from a record is the record's, and every sum that it prints is right.

Where a sentence changes, so does its line here: a quote that is not found fails."""

import csv
import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from initlab.shipped import CONFIGS

ROOT = CONFIGS.parent
DOCS = ROOT / "docs"
PAGES = sorted((CONFIGS / "experiment").glob("*.yaml"))


def text_of(path: Path) -> str:
    """On one line; of a page's comment without its #."""
    return " ".join(re.sub(r"^\s*#", "", path.read_text(), flags=re.MULTILINE).split())


def claimed(page: str, about: str, where: str = "") -> Any:
    """The mean that a page's record has of a claim."""
    record = json.loads((DOCS / "pages" / f"{page}.json").read_text())
    (mean, *_) = (
        claim["mean"]
        for claim in record["claims"]
        if claim["about"] == about and (not where or where in claim["setting"].values())
    )
    return mean


def healthy(column: str) -> float:
    rows = pd.read_csv(DOCS / "data" / "findings_runs.csv")
    return float(rows[rows["kind"] == "healthy"][column].max())


def kinds() -> list[int]:
    rows = pd.read_csv(DOCS / "data" / "findings_runs.csv")
    return [int((rows["kind"] == kind).sum()) for kind in ("healthy", "broken")]


def coverage() -> list[Any]:
    """Of the bands of outputs, then of gradients: cells with under 93 %, with a band, with over 97 %, each by more than
    two standard errors."""
    table = pd.read_csv(DOCS / "data" / "forecast_accuracy.csv")
    low, cells, high = [], [], []
    for what in ("", "gradient_"):
        inside = table[f"{what}inside"].dropna()
        rows = table.loc[inside.index]
        error = rows[f"{what}error"].where(inside < 1, np.sqrt(0.954 * 0.046 / rows["draws"]))
        cells.append(len(inside))
        low.append(int((inside + 2 * error < 0.93).sum()))
        high.append(int((inside - 2 * error > 0.97).sum()))
    return [low[0], f"{cells[0]:,}", low[1], cells[1], *high]


def explained(kind: str) -> list[int]:
    """Right, all."""
    rows = pd.read_csv(DOCS / "data" / "explanations.csv")
    rows = rows[rows["kind"] == kind]
    assert kind != "broken" or ((rows["way"].value_counts() == 3).all() and rows["way"].nunique() == 13)
    return [int(rows["right"].sum()), len(rows)]


def first_errors() -> list[float]:
    return [claimed(page, "error/w0") for page in ("d2l_linear", "d2l_linear_torch")]


def jumping_neuron(lr: float, steps: int = 10_000) -> float:
    """Half the mean squared error at the end of the program of the page `neuron`, in NumPy."""
    X = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], float)
    y = np.array([0, 1, 1, 0], float)
    w = np.array([-0.16595599, 0.44064899, -0.99977125])
    for _ in range(steps):
        out = np.tanh(X @ w)
        w -= lr * X.T @ ((out - y) * (1 - np.tanh(out) ** 2)) / 4
    return float(((np.tanh(X @ w) - y) ** 2).mean() / 2)


def houses() -> list[float]:
    """The least squares fit to the book's four houses: what a room and a slate roof are worth."""
    rooms, slate, price = [3, 2, 4, 3], [0, 0, 1, 0], [127500, 106000, 178100, 140000]
    fit, *_ = np.linalg.lstsq(np.column_stack([rooms, slate, np.ones(4)]), np.array(price), rcond=None)
    return [round(float(value)) for value in fit[:2]]


def five_layers(column: str, init: str) -> float:
    rows = pd.read_csv(DOCS / "data" / "five_layers_sweep.csv").set_index("init")
    return float(rows.loc[init, column])


README, EXPERIMENT = ROOT / "README.md", CONFIGS / "experiment"
FORECAST, MONITOR, SWEEPS = (DOCS / f"{name}.md" for name in ("forecast", "monitor", "sweeps"))
QUOTES: list[tuple[Path, str, Callable[[], Iterable[Any]]]] = [
    (
        FORECAST,
        r"fewer than 93 % are inside in (\d+) of ([\d,]+) cells of outputs and (\d+) of (\d+) of gradients, more than "
        r"97 % in (\d+) and (\d+)",
        coverage,
    ),
    (README, r"reaches (\d+) % in three epochs \(validation accuracy, ± (\d+) %", lambda: [
        f"{100 * five_layers(f'val/acc {what}', 'kaiming'):.0f}" for what in ("mean", "std")]),
    (
        SWEEPS,
        r"│ kaiming │ ([\d.]+) ± ([\d.]+) │ (\d) │ .* │ normal │ ([\d.]+) ± [\d.e-]+ │ \d │ "
        r"\+([\d.]+) \[([\d.]+), ([\d.]+)\] │",
        lambda: [
            f"{five_layers('compared mean', 'kaiming'):.4g}", f"{five_layers('compared std', 'kaiming'):.2g}",
            int(five_layers("n", "kaiming")), f"{five_layers('compared mean', 'normal'):.4g}",
            *(f"{five_layers(column, 'normal'):.3g}" for column in ("to the best row", "low", "high")),
        ],
    ),
    (MONITOR, r"of (\d+) short healthy runs none has, of (\d+) broken ones all have", kinds),
    (MONITOR, r"(\d+) healthy runs leave it by at most ([\d.]+)", lambda: [kinds()[0], f"{healthy('outside'):.1f}"]),
    (
        ROOT / "src/initlab/diagnosis/findings.py",
        r"healthy runs have at most ([\d.]+)\. .* Healthy runs reach ([\d.]+) by training\..* factor of up to ([\d.]+) "
        r"in (\d+) healthy runs",
        lambda: [f"{healthy('dead'):.2g}", f"{healthy('saturated'):.2g}", f"{healthy('outside'):.2g}", kinds()[0]],
    ),
    (
        ROOT / "src/initlab/diagnosis/update_findings.py",
        r"softmax regression from zeros has ([\d.]+)",
        lambda: [f"{healthy('update'):.3f}"],
    ),
    (
        EXPERIMENT / "makemore_tanh.yaml",
        r"in the third layer is (\d+) times that. At 5 the loss begins at ([\d.]+) times log 10 .* the accuracy is "
        r"([\d.]+) where 5/3 has ([\d.]+)",
        lambda: [
            f"{claimed('makemore_tanh', 'layers.2.weight/update_ratio@median') / 1e-3:.0f}",
            f"{claimed('makemore_tanh', 'loss/loss@0') / math.log(10):.1f}",
            f"{claimed('makemore_tanh', 'val/acc'):.2f}",
            re.search(r"\((0\.\d\d)", _expected("makemore_tanh", "val/acc"))[1],  # type: ignore[index]
        ],
    ),
    (EXPERIMENT / "neuron.yaml", r"goes down to ([\de-]+) instead of ([\d.]+)\.", lambda: [
        f"{jumping_neuron(3.0):.0e}".replace("e-0", "e-"), f"{claimed('neuron', 'val/loss'):.3f}"]),
    (DOCS / "explain.md", r"thirteen ways, three of each .* named in (\d+) of (\d+), and in (\d+) of (\d+) healthy",
     lambda: [n for kind in ("broken", "healthy") for n in explained(kind)]),
    (EXPERIMENT / "house_prices.yaml", r"A room is then worth ([\d,]+), a slate roof ([\d,]+)\.",
     lambda: [f"{value:,}" for value in houses()]),
]  # fmt: skip


def _expected(page: str, about: str) -> str:
    record = json.loads((DOCS / "pages" / f"{page}.json").read_text())
    return str(next(claim["expected"] for claim in record["claims"] if claim["about"] == about))


@pytest.mark.parametrize(("path", "pattern", "values"), QUOTES, ids=[f"{p.name}: {q[:40]}" for p, q, _ in QUOTES])
def test_a_quoted_number_is_the_records(path: Path, pattern: str, values: Callable[[], Iterable[Any]]) -> None:
    found = re.search(pattern, text_of(path))
    assert found, "the sentence is another one"
    assert [number.rstrip(".") for number in found.groups()] == [str(value) for value in values()]


def test_torchs_linear_regression_is_twenty_times_closer() -> None:
    ours, torchs = first_errors()
    assert "why is it twenty times closer" in text_of(EXPERIMENT / "d2l_linear_torch.yaml")
    assert ours / torchs == pytest.approx(20, abs=0.5)


def test_what_the_readme_says_of_the_errors_of_the_rule_is_so() -> None:
    """Accuracies by the evidence's own measure: half of the held-out images right is "trains"."""
    with open(DOCS / "data" / "forecast_evidence.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["optimizer"] == "sgd" and row["depth"] == "40"]
    best: dict[str, float] = {}
    he: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        best[row["activation"]] = max(best.get(row["activation"], 0), float(row["acc"]))
        if row["init"] == "kaiming":
            he.setdefault((row["activation"], row["lr"]), []).append(float(row["acc"]))
    text = text_of(FORECAST)
    assert "GELU and SiLU at depth 40, which none of the three learning rates tried trains" in text
    assert max(best["gelu"], best["silu"]) < 0.5
    assert "ReLU and tanh nets of depth 40 from He's weights fail with 0.1 and 0.01 and train with 0.001" in text
    for phi in ("relu", "tanh"):
        assert max(he[phi, "0.1"] + he[phi, "0.01"]) < 0.5 <= min(he[phi, "0.001"])
    assert len({row["lr"] for row in rows}) == 3


SUM = re.compile(r"((?:\d|\(|sqrt\(|log)[\d\s.^()+\-*/x,a-z]*?) = (-?\d[\d.,]*(?:e[+-]?\d+)?)(?![\d^/])")


def printed_sums() -> list[tuple[str, str, str]]:
    """(page, formula, number) of what stands in a page as "0.97^96 = 0.054"."""
    found = []
    for path in (*PAGES, README):
        for formula, number in SUM.findall(text_of(path)):
            formula = re.split(r"(?<=[a-wyz:;,]) (?=[\d(]|sqrt|log)", formula)[-1].strip()
            if re.search(r"[\d)] ?[\^*/+-] ?[\d(]|sqrt\(|log", formula) and not re.search(
                r"[a-z]", re.sub("sqrt|log|pi|x", "", formula)
            ):
                found.append((path.name, formula, number.rstrip(".,")))
    return found


def value_of(formula: str) -> float:
    code = formula.replace("^", "**").replace(",", "").replace(" x ", " * ")
    code = re.sub(r"(?<=[\d)]) (?=sqrt|log|[\d(])", " * ", re.sub(r"\blog (\d+)", r"log(\1)", code))
    return float(eval(code, {"__builtins__": {}}, {"sqrt": math.sqrt, "log": math.log, "pi": math.pi}))


def test_every_printed_sum_is_right() -> None:
    """To half a unit of the last digit that it prints; of a whole number that ends in zeros, of the last other one."""
    sums = printed_sums()
    wrong = []
    for page, formula, number in sums:
        plain = number.replace(",", "")
        mantissa = plain.split("e")[0]
        digits = len(mantissa.split(".")[1]) if "." in mantissa else -(len(mantissa) - len(mantissa.rstrip("0")))
        power = int(plain.split("e")[1]) if "e" in plain else 0
        if abs(value_of(formula) - float(plain)) > 0.501 * 10.0 ** (power - digits):
            wrong.append((page, formula, number, value_of(formula)))
    assert wrong == []
    assert {"0.97^96", "2^(-29/2)", "sqrt(49 x 5 / 100)"} <= {formula for _, formula, _ in sums}
    assert len(sums) >= 20
