"""One run in two processes."""

import csv
import json
import os
import signal
from pathlib import Path

import pytest
from children import TRAIN, Program, run, wait_for

pytestmark = pytest.mark.slow

WORDS = [
    "model=linear", "data=synthetic_regression", "init=normal", "lr=0.003",
    "trainer.max_epochs=3", "trainer.accelerator=cpu", "hydra.run.dir=run", "callbacks.last.every_n_steps=20",
    "callbacks.monitor.max_overhead=null",
]  # fmt: skip


def rows(path: Path, key: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, str]]:
    with open(path, newline="") as file:
        listed = list(csv.DictReader(file))
    found = {tuple(row[name] for name in key): row for row in listed}
    assert len(found) == len(listed)  # none twice
    return found


def start(words: list[str], cwd: Path) -> Program:
    """The first process, a fork; it starts the other from scratch."""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return Program(TRAIN, *words, cwd=cwd, env={"PYTHONPATH": paths})


def test_stopped_and_resumed_it_is_the_run_of_one_process(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    assert run([*WORDS, "threads=1"], one) == 0, (one / "said").read_text()

    process = start([*WORDS, "trainer=ddp", "+callbacks.hold={_target_:children.Hold,step:45}"], two)
    wait_for((two / "held").exists, lambda: process.poll() is None)
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: "stopping after this update" in process.said(), lambda: process.poll() is None)
    (two / "go").touch()
    out, err = process.communicate()
    assert process.returncode == 143, err[-3000:]
    assert "resume=run allow=children" in out
    assert not (two / "run" / "summary.json").exists()
    again = start(["resume=run", "allow=children"], two)
    err = again.communicate()[1]
    assert again.returncode == 0, err[-3000:]

    assert sorted(p.name for p in two.iterdir()) == ["go", "held", "run"]  # one folder
    for name, key in (("metrics.csv", ("epoch",)), ("signal.csv", ("step", "layer", "quantity"))):
        ours, its = rows(two / "run" / name, key), rows(one / "run" / name, key)
        assert list(ours) == list(its)
        for at, row in its.items():
            for column, value in row.items():
                if column not in ("layer", "quantity"):
                    # the same sums in another order: errors of 1e-7 a step, which training shrinks
                    assert float(ours[at][column]) == pytest.approx(float(value), rel=1e-3, abs=1e-6), (at, column)
    metrics = [json.loads((folder / "run/summary.json").read_text())["metrics"] for folder in (two, one)]
    assert metrics[0] == pytest.approx(metrics[1], rel=1e-4, abs=1e-6)


def test_what_cannot_be_shared_out_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for words, sentence in (
        (["data.batch_size=33", "trainer=ddp"], "trainer.devices=2: it must divide data.batch_size=33"),
        (["-m", "trainer=ddp"], "trainer.devices=2: each job of a sweep uses one device"),
    ):
        assert run([*words, "model=linear", "data=synthetic_regression"], tmp_path) != 0
        assert sentence in (tmp_path / "said").read_text()
