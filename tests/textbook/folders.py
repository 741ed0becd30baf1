"""Folders of runs written by hand: what the checking and the drawing read, without a training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from initlab.textbook.running import Ran

Rows = Sequence[tuple[int, str, str, float]]


def write_run(
    folder: Path,
    setting: Mapping[str, str],
    metrics: Mapping[str, Sequence[float]],
    rows: Rows = (),
    findings: Sequence[str] = (),
) -> Ran:
    """A run that ended well. metrics: a column each, a value an epoch; rows: step, layer, quantity, value."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 0\n")
    epochs = range(len(next(iter(metrics.values()))))
    lines = [",".join(["epoch", "step", *metrics])]
    lines += [",".join(map(str, [e, 10 * e, *(column[e] for column in metrics.values())])) for e in epochs]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    table = ["step,layer,quantity,value", *(",".join(map(str, row)) for row in rows)]
    (folder / "signal.csv").write_text("\n".join(table) + "\n")
    (folder / "findings.json").write_text(json.dumps([{"kind": kind} for kind in findings]))
    (folder / "summary.json").write_text(json.dumps({"metrics": {"test/acc": 0.7}}))
    return Ran(dict(setting), folder)
