"""Is a healthy run ever accused, and is what is wrong with a broken one found? Short runs of both kinds.

    python scripts/findings_evidence.py run       # some minutes on one thread; continues where it was stopped
    python scripts/findings_evidence.py table     # how many have a finding, how near healthy runs come to the limits

The runs are listed in evidence/healthy_and_broken.py. A row of docs/data/findings_runs.csv is a run:

    kind, run         healthy or broken; what is overridden
    acc, loss         of the validation set, after the last epoch
    outside           the largest factor by which the std of a hidden layer leaves the band of its forecast; 1: never
    dead, saturated   the largest median share of any layer's units, entries; saturated: of tanh and sigmoid
    update            the largest median of ||update|| / ||weight||, over the later half of the samples of a matrix
    findings          their kinds, separated by semicolons
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from initlab.runs.open_run import Run

CSV = Path(__file__).parents[1] / "docs" / "data" / "findings_runs.csv"
COLUMNS = ("kind", "run", "acc", "loss", "outside", "dead", "saturated", "update", "findings")


def record(words: str, folder: Path) -> dict[str, str]:
    """Train one run and read what it left."""
    from initlab.composition import compose
    from initlab.run import train
    from initlab.runs import open_run

    own = words.startswith("experiment=") or "max_epochs" in words
    cfg = compose(
        *words.split(), *([] if own else ["trainer.max_epochs=1"]), "trainer.accelerator=cpu", "threads=1",
        run_dir=folder,
    )  # fmt: skip
    for group, kept in (("callbacks", "monitor"), ("logger", "csv")):
        for key in cfg[group]:
            if key != kept:
                cfg[group][key] = None
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        train(cfg)
    run = open_run(folder)
    last = run.metrics.iloc[-1]
    kinds = dict.fromkeys(finding["kind"] for finding in run.findings)
    return {
        "run": words,
        "acc": f"{last['val/acc']:.4f}" if "val/acc" in last else "",
        "loss": f"{last['val/loss']:.4g}",
        "outside": f"{outside(folder, run.rows):.3g}",
        **{what: f"{worst(run, what):.3g}" for what in ("dead", "saturated", "update_ratio")},
        "findings": "; ".join(kinds),
    }  # fmt: skip


def outside(folder: Path, rows: pd.DataFrame) -> float:
    from initlab.diagnosis.prediction import read_prediction
    from initlab.runs import Run

    factor = 1.0
    std = rows[rows["quantity"] == "std"]
    for layer in read_prediction(Run.lenient(folder)).layers[:-1]:
        values = std[(std["layer"] == layer.name) & (std["value"] > 0)]["value"]
        if len(values) and layer.low and layer.high:
            factor = max(factor, values.max() / max(layer.high, 1.0), layer.low / values.min())
    return factor


def worst(run: Run, quantity: str) -> float:
    """0 where no layer has it."""
    rows = run.rows[run.rows["quantity"] == quantity]
    if quantity == "saturated" and str(run.config["model"].get("activation")) not in ("tanh", "sigmoid"):
        return 0.0
    if quantity == "update_ratio":
        rows = rows[(rows["step"] >= 10) & ~rows["layer"].str.endswith("bias")]
        return max((one["value"].iloc[len(one) // 2 :].median() for _, one in rows.groupby("layer")), default=0.0)
    return max((one["value"].median() for _, one in rows.groupby("layer")), default=0.0)


def run(path: Path) -> None:
    from evidence.healthy_and_broken import BROKEN, HEALTHY

    from initlab.runs.rows import RowWriter

    done = {row["run"] for row in read(path)} if path.exists() else set()
    rows = RowWriter(path, COLUMNS)
    for kind, runs in (("healthy", HEALTHY), ("broken", BROKEN)):
        for words in runs:
            if words not in done:
                with tempfile.TemporaryDirectory() as folder:
                    row = record(words, Path(folder) / "run")
                row["update"] = row.pop("update_ratio")
                rows.write([{"kind": kind} | row])
                print(kind, *row.values(), sep=" | ", flush=True)


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def show(path: Path) -> None:
    table = read(path)
    for kind in ("healthy", "broken"):
        rows = [row for row in table if row["kind"] == kind]
        print(f"{kind}: {sum(bool(row['findings']) for row in rows)} of {len(rows)} have a finding")
    healthy = [row for row in table if row["kind"] == "healthy"]
    for column in ("outside", "dead", "saturated", "update"):
        row = max(healthy, key=lambda row: float(row[column]))
        print(f"  {column}, healthy: at most {row[column]}, {row['run']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--csv", type=Path, default=CSV)
    args = parser.parse_args()
    functions: dict[str, Any] = {"run": run, "table": show}
    functions[args.what](args.csv)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
