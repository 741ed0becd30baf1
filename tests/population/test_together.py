"""Jobs that train together leave what each leaves alone."""

import functools
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from initlab.composition import compose
from initlab.population import run_together
from initlab.population.updates import Updates
from initlab.run import train

COMMON = (
    "trainer=cpu", "threads=1", "callbacks.step_curve.every_n_steps=20", "callbacks.last.every_n_steps=40",
    "callbacks.monitor.dense_steps=2", "callbacks.monitor.every_n_steps=10", "callbacks.tensorboard_page=null",
)  # fmt: skip
LINEAR = ("model=linear", "data=synthetic_regression", "data.num_train=610", "trainer.max_epochs=2")
SCHEMES = (("init=kaiming",), ("init=normal", "init.sigma=0.3", "lr=0.02"))
KINDS = {  # words of all, and of each
    "linear, data and order of its own": (
        (*LINEAR, "scheduler=cosine"),
        [("optimizer.momentum=0.9", "lr=0.05"), ("optimizer.l1=0.001",), ("optimizer.weight_decay=0.01",)],
    ),
    "softmax, one order": (("model=softmax", "trainer.max_epochs=2"), SCHEMES),
    "mlp, an order of its own": (
        ("model=mlp", "model.num_hiddens=[9,7]", "trainer.max_epochs=2", "optimizer.momentum=0.9"), SCHEMES
    ),
    "mlp by hand, one order": (
        ("model=mlp", "model.num_hiddens=[9,7]", "model.backward=manual", "optimizer=adam",
         "trainer.max_epochs=2"),
        [("init=kaiming", "lr=0.01"), ("init=zeros",)],
    ),
    "mlp_regression, by hand": (
        ("model=mlp_regression", "model.num_hiddens=[8]", "model.output_activation=sigmoid", "model.backward=manual",
         *LINEAR[1:3], "trainer.max_epochs=1"), SCHEMES
    ),
    "mlp, part of an epoch": (
        ("model=mlp", "model.num_hiddens=[9,7]", "trainer.max_epochs=2", "trainer.limit_train_batches=9",
         "trainer.limit_val_batches=4"), SCHEMES
    ),
    "neuron": (("model=neuron", *LINEAR[1:], "init=normal"), [(), ("lr=0.3",)]),
}  # fmt: skip


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of 700 rows, 6 numbers and one of three classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 6))
    table = pd.DataFrame(X, columns=list("abcdef")).assign(
        kind=np.array(["x", "y", "z"])[(X @ rng.normal(size=(6, 3))).argmax(1)]
    )
    path = tmp_path_factory.mktemp("data") / "classes.csv"
    table.to_csv(path, index=False)
    return str(path)


def jobs(words: Sequence[str], each: Sequence[Sequence[str]], folder: Path) -> list[functools.partial[object]]:
    return [
        functools.partial(train, compose(*COMMON, *words, *own, f"seed={i}", run_dir=folder / str(i)))
        for i, own in enumerate(each)
    ]


def assert_the_same(one: Path, other: Path, tolerance: float) -> None:
    """In every file, and the draw and the first batch to the bit."""
    files, expected = ({str(p.relative_to(at)).split("events.")[0] for p in at.rglob("*")} for at in (one, other))
    assert files == expected
    signal, alone = (pd.read_csv(folder / "signal.csv") for folder in (one, other))
    pd.testing.assert_frame_equal(signal[signal.step == 0], alone[alone.step == 0], check_exact=True)
    pd.testing.assert_frame_equal(signal, alone, rtol=100 * tolerance, atol=tolerance)
    epochs, alone = (pd.read_csv(folder / "metrics.csv") for folder in (one, other))
    pd.testing.assert_frame_equal(epochs, alone, rtol=tolerance, atol=tolerance)
    for name in ("best", "last"):
        ours, its = (torch.load(f / f"checkpoints/{name}.ckpt", weights_only=True) for f in (one, other))
        for part in ("state_dict", "optimizer_states", "lr_schedulers"):
            torch.testing.assert_close(ours[part], its[part], rtol=tolerance, atol=tolerance)
        assert (ours["epoch"], ours["global_step"]) == (its["epoch"], its["global_step"])
        assert ours["batches"] == its["batches"]
    summary, its = (json.loads((folder / "summary.json").read_text()) for folder in (one, other))
    assert summary["ended"] == its["ended"]
    assert summary["metrics"] == pytest.approx(its["metrics"], rel=tolerance, abs=tolerance)
    findings, its = (json.loads((folder / "findings.json").read_text()) for folder in (one, other))
    assert [f["kind"] for f in findings] == [f["kind"] for f in its]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_job_leaves_what_it_leaves_alone(
    kind: str, tmp_path: Path, classes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, each = KINDS[kind]
    words = (*words, "trainer.precision=64-true")
    if "data=synthetic_regression" not in words:
        words = (*words, "data=csv", f"data.path={classes}", "data.target=kind", "data.task=classification")
    if "one order" in kind:
        words = (*words, "data.seed=3")
    for work in jobs(words, each, tmp_path / "alone"):
        work()
    stacked: list[int] = []
    served = Updates._train

    def counted(self: Updates, requests: Sequence[object]) -> None:
        stacked.append(len(requests))
        served(self, requests)  # type: ignore[arg-type]

    monkeypatch.setattr(Updates, "_train", counted)
    began = time.perf_counter()
    run_together(jobs(words, each, tmp_path / "together"))
    took = time.perf_counter() - began
    assert len(stacked) > 1
    assert set(stacked) == {len(each)}
    for i in range(len(each)):
        assert_the_same(tmp_path / "together" / str(i), tmp_path / "alone" / str(i), 1e-9)
    summaries = [json.loads((tmp_path / "together" / str(i) / "summary.json").read_text()) for i in range(len(each))]
    assert 0 < sum(summary["seconds"] for summary in summaries) <= took + 0.01 * len(each)  # by clocks of their own


def test_a_job_leaves_no_log_open(tmp_path: Path) -> None:
    """The next job's start closes it, and what is logged then opens it again."""
    logs = [logging.FileHandler(tmp_path / f"{i}.log") for i in range(2)]
    root, before = logging.getLogger(), list(logging.getLogger().handlers)

    def job(log: logging.FileHandler) -> None:
        root.handlers[:] = [log]
        log.close()
        root.error("again")
        assert log.stream is not None

    run_together([functools.partial(job, log) for log in logs])
    assert [log.stream for log in logs] == [None, None]
    assert root.handlers == before


def test_of_jobs_that_train_nothing_it_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as those that are done when a sweep resumes; the others are counted among those that train."""
    assert run_together([lambda: 0.5, lambda: None]) == [0.5, None]
    assert capsys.readouterr().out == ""
    words = (*LINEAR, "steps_per_execution=1", "trainer.max_epochs=1", "data.num_train=64")
    run_together([lambda: 0.5, *jobs(words, [(), ("seed=1",)], tmp_path)])
    said = " ".join(capsys.readouterr().out.split())
    assert "2 of 2 jobs trained alone: no two updates in a row that no callback looks at" in said
