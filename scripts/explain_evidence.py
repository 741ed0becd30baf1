"""Does an explanation name what was planted? Runs broken on purpose, and healthy ones, each explained.

    python scripts/explain_evidence.py run       # about an hour on one thread; continues where it was stopped
    python scripts/explain_evidence.py table     # in how many the planted cause was named, by the way it was planted
    python scripts/explain_evidence.py page      # writes docs/explained_runs.md from the record

The runs are listed in evidence/planted.py. A row of docs/data/explanations.csv is a run:

    kind, way, run    broken or healthy; how it was broken; what is overridden (long lists of weights cut)
    planted           the causes that count as right, separated by |
    verdict, cause    of the explanation; right: whether it named the planted cause, or accused nothing in a healthy run
    change            the change that it found enough
    was, mended       the loss after the steps of a fork, as it was and with the change
    forks, says       how many changes were tried; the sentences
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CSV = Path(__file__).parents[1] / "docs" / "data" / "explanations.csv"
PAGE = CSV.parents[1] / "explained_runs.md"
NAMED = 0.9  # of the broken runs
HEAD = """# Is the planted cause named?

**Runs that were broken on purpose, each in one way, and healthy ones: does [explain](explain.md) name what was done to
them, and accuse none of the healthy?** A page of [the gallery](gallery.md)'s kind; its runs take about an hour on one
thread and are not among those of `make pages`.

    python scripts/explain_evidence.py run --csv /tmp/again.csv   # every run again, into a record of its own
    python scripts/explain_evidence.py table                      # the record, docs/data/explanations.csv, in short
    python scripts/explain_evidence.py page                       # this page, from the record

*How to read it.* A run is right where the cause that explain gives is the one that was planted; of a healthy one, where
it says that it trains. A cause that needs two changes is two causes, and right is only the planted one.
"""
TAIL = """
The changes and their ranking were made with these ways in mind, so this is no held-out figure. A healthy run is told by
its own losses, before anything is run again. Where two causes are planted either counts: fewer layers and another
activation both cure 40 layers of sigmoid.
"""
COLUMNS = ("kind", "way", "run", "planted", "verdict", "cause", "right", "change", "was", "mended", "forks", "says")
SHOWN = 200  # characters of a run's words


def record(words: str, folder: Path, epochs: int = 1) -> dict[str, Any]:
    """Train one run, and explain it."""
    from evidence.tables import make_tables

    from initlab.composition import compose
    from initlab.explaining import explain
    from initlab.run import train

    tables = make_tables(folder / "tables")
    given = words.format(**tables)
    cfg = compose(
        *given.split(), f"trainer.max_epochs={epochs if 'csv' not in words else 5}", "trainer.accelerator=cpu",
        "threads=1", "~callbacks.progress_bar", "logger=none", "callbacks.best=null", "callbacks.last=null",
        run_dir=folder / "run",
    )  # fmt: skip
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        train(cfg)
        found = explain(folder / "run", allow=("evidence",))
    it = found.evidence
    return {
        "verdict": found.verdict,
        "cause": found.cause,
        "change": found.change.name if found.change else "",
        "was": f"{it.as_it_was.loss:.4g}" if it.as_it_was else "",
        "mended": f"{it.mended.loss:.4g}" if it.mended else "",
        "forks": len(it.forks),
        "says": str(found),
    }


def run(path: Path, only: str) -> None:
    from evidence.planted import BROKEN, HEALTHY, Planted

    from initlab.runs.rows import RowWriter

    done = {row["run"] for row in read(path)} if path.exists() else set()
    rows = RowWriter(path, COLUMNS)
    everything = [("broken", it) for it in BROKEN] + [("healthy", Planted("", (), words)) for words in HEALTHY]
    for kind, it in everything:
        words = it.words if len(it.words) < SHOWN else f"{it.words[:SHOWN]}..."
        if words in done or only not in it.way + it.words:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = record(it.words, Path(folder))
        right = found["cause"] in it.planted if kind == "broken" else found["verdict"] == "trains"
        row = {"kind": kind, "way": it.way, "run": words, "planted": "|".join(it.planted), **found, "right": right}
        rows.write([{name: str(row[name]) for name in COLUMNS}])
        print(*(row[name] for name in COLUMNS if name != "planted"), sep=" | ", flush=True)


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def show(path: Path, only: str) -> None:
    table = [row for row in read(path) if only in row["way"] + row["run"]]
    for kind, says in (("broken", "the planted cause was named"), ("healthy", "nothing was accused")):
        rows = [row for row in table if row["kind"] == kind]
        print(f"{kind}: in {sum(row['right'] == 'True' for row in rows)} of {len(rows)} {says}")
        for way in dict.fromkeys(row["way"] for row in rows if row["way"]):
            of = [row for row in rows if row["way"] == way]
            print(f"  {way}: {sum(row['right'] == 'True' for row in of)} of {len(of)}")
    for row in table:
        if row["right"] != "True":
            print(f"wrong: {row['run']}: {row['cause'] or row['verdict']}")


def page(table: Sequence[Mapping[str, str]]) -> str:
    """docs/explained_runs.md."""
    broken, healthy = ([row for row in table if row["kind"] == kind] for kind in ("broken", "healthy"))
    claims = (
        ("the planted cause was named", broken, len(broken) * NAMED, f"at least {NAMED:.0%}"),
        ("nothing was accused", healthy, len(healthy), "all"),
    )
    parts = [HEAD, "| figure | ours | expected | holds |\n| --- | --- | --- | --- |"]
    for what, rows, least, expected in claims:
        right = sum(map(_right, rows))
        parts.append(f"| {what} | {right} of {len(rows)} | {expected} | {'yes' if right >= least else '**no**'} |")
    parts.append("\n| how it was broken | planted | named in | the changes that were found enough |")
    parts.append("| --- | --- | --- | --- |")
    for way in dict.fromkeys(row["way"] for row in broken):
        of = [row for row in broken if row["way"] == way]
        named = f"{sum(map(_right, of))} of {len(of)}"
        changes = ", ".join(dict.fromkeys(f"`{row['change']}`" for row in of if row["change"]))
        parts.append(f"| {way} | {of[0]['planted'].replace('|', ' or ')} | {named} | {changes or 'none'} |")
    wrong = [row for row in table if not _right(row)]
    parts.append("\n## Where it fails\n")
    parts += [f"- `{row['run']}`: {row['says']}" for row in wrong] or ["In none of these runs."]
    parts += [TAIL, "## Every run\n", "| run | loss as it was | with the change | what it says |"]
    parts.append("| --- | --- | --- | --- |")
    for row in table:
        run = row["run"] if len(row["run"]) <= SHOWN // 2 else f"{row['run'][: SHOWN // 2]}..."
        says = row["says"].split(". ")[0].rstrip(".").replace("|", "\\|")
        parts.append(f"| `{run}` | {row['was'] or '-'} | {row['mended'] or '-'} | {says} |")
    return "\n".join(parts) + "\n"


def _right(row: Mapping[str, str]) -> bool:
    return row["right"] == "True"


def write(path: Path, only: str) -> None:
    PAGE.write_text(page(read(path)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table", "page"))
    parser.add_argument("--csv", type=Path, default=CSV)
    parser.add_argument("--only", default="", help="runs whose way or words hold this")
    args = parser.parse_args()
    functions: dict[str, Any] = {"run": run, "table": show, "page": write}
    functions[args.what](args.csv, args.only)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
