"""Runs that were broken on purpose, small ones, are explained by what was planted; the run itself stays as it is."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from initlab import compose, explain, train
from initlab.errors import UserError
from initlab.explaining import hypotheses, of_run
from initlab.explaining.forking import fork
from initlab.numbers import shown
from initlab.proof.conclusion import Explanation
from initlab.proof.fork import AS_IT_WAS, Change
from initlab.runs import open_run

STEPS = 20
Trained = Callable[..., Path]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Three classes in four columns: as they are, in units of their own, with labels at random, with a tenth of them
    right, with one column more that is constant, or far from the others."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("tables")
    y = rng.integers(3, size=900)
    X = 2 * rng.standard_normal((3, 4))[y] + 0.5 * rng.standard_normal((900, 4))
    some = np.where(rng.random(900) < 0.35, y, rng.integers(3, size=900))
    constant, far = (np.column_stack([X, column]) for column in (np.full(900, 2e4), 2e4 * rng.standard_normal(900)))
    for name, inputs, labels in (
        ("plain", X, y), ("raw", 1000 * X + 3000, y), ("random", X, rng.permutation(y)), ("noisy", X, some),
        ("constant", constant, y), ("far", far, y),
    ):  # fmt: skip
        lines = [",".join([*(f"{v:.5g}" for v in row), "abc"[c]]) for row, c in zip(inputs, labels, strict=True)]
        names = ["x0", "x1", "x2", "x3", "a b"][: inputs.shape[1]]
        (folder / f"{name}.csv").write_text("\n".join([",".join([*names, "y"]), *lines]) + "\n")
    return lambda name: folder / f"{name}.csv"


@pytest.fixture(autouse=True)
def _few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of every kind: `test_changed.py` makes them all."""
    monkeypatch.setattr(hypotheses, "RATES", (0.001, 0.1, 1.0))
    monkeypatch.setattr(hypotheses, "SCHEMES", ("kaiming", "xavier"))


@pytest.fixture
def trained(table: Callable[[str], Path], tmp_path: Path) -> Trained:
    def run(*words: str, data: str = "plain", epochs: int = 3) -> Path:
        every = (
            "model=mlp", "model.width=16", "data=csv", f"data.path={table(data)}", "data.target=y", "threads=1",
            f"trainer.max_epochs={epochs}", "trainer.accelerator=cpu", "~callbacks.progress_bar",
            "logger.tensorboard=null", "callbacks.tensorboard_page=null",
        )  # fmt: skip
        train(compose(*every, *words, run_dir=tmp_path / "run"))
        return tmp_path / "run"

    return run


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_healthy_run_is_accused_of_nothing_and_nothing_is_run_again(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_run, "fork", lambda *_: pytest.fail("nothing is to be forked"))
    folder = trained()
    found = explain(folder)
    assert (found.verdict, found.cause, found.command) == ("trains", "", "")
    assert str(found).startswith("It trains; nothing to explain: the training loss ended at 0.")
    assert open_run(folder).explanation["verdict"] == "trains"


def test_as_it_was_it_is_the_run_to_the_bit_and_a_change_keeps_what_it_does_not_change(trained: Trained) -> None:
    """Under a schedule for the whole run, with momentum and batches in their order, over the end of an epoch."""
    run = open_run(trained("init=normal", "scheduler=cosine", "optimizer.momentum=0.5"))
    config = of_run._config(run)
    again = fork(config, AS_IT_WAS, STEPS, math.log(3))
    recorded = run.recorded["loss"]["loss"]
    same = [step for step in recorded if step < STEPS]
    assert len(again.losses) == STEPS
    assert len(same) > 10
    assert [again.losses[step] for step in same] == [recorded[step] for step in same]
    faster = fork(config, Change("lr", ("lr=0.3",), 0.0), STEPS, math.log(3))
    assert faster.losses[0] == again.losses[0]  # the same weights and the same batch
    assert faster.losses[1] != again.losses[1]
    other = fork(config, Change("init", ("init=kaiming",), 0.0), STEPS, math.log(3))
    assert other.losses[0] != again.losses[0]
    seed = fork(config, AS_IT_WAS, STEPS, math.log(3), ("seed=1",))
    assert seed.losses[0] != again.losses[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "words", "cause"),
    [
        ("plain", ["init=zeros", "model.depth=2"], "init"),
        ("plain", ["optimizer.weight_decay=5.0"], "setting"),
        ("raw", ["data.normalize=false"], "data"),
        ("far", ["data.normalize=false", "model.activation=tanh"], "data"),
        ("constant", ["data.normalize=false", "model.depth=2", "data.drop=[x3]"], "column"),
        ("random", [], "labels"),
        ("plain", ["init=normal", "init.sigma=0.0001", "model.depth=4", "lr=0.0001"], "init and lr"),
        ("noisy", [], ""),
    ],
)
def test_the_cause_is_what_was_planted(trained: Trained, data: str, words: list[str], cause: str) -> None:
    folder = trained(*words, data=data)
    before = content(folder)
    found = explain(folder, steps=STEPS)
    assert found.cause == cause, str(found)
    assert {name: digest for name, digest in content(folder).items() if name != "explanation.json"} == before
    _check(found, folder)


def _check(found: Explanation, folder: Path) -> None:
    """Numbers of the sentences, and of the file, are those of the forks."""
    it = found.evidence
    assert it.repeats == "to the bit"
    assert it.as_it_was is not None
    assert not it.as_it_was.trains
    record = json.loads((folder / "explanation.json").read_text())
    assert record["says"] == list(found.says)
    assert [fork["name"] for fork in record["forks"]] == [fork.change.name for fork in it.forks]
    assert len({fork["name"] for fork in record["forks"]}) == len(record["forks"])
    if it.mended is not None:
        assert it.mended.votes[0] >= 3
        assert it.as_it_was.votes == (0, 4)
        assert found.command == f"compose(..., {', '.join(map(repr, it.mended.change.words))})"
        assert f"the loss is {shown(it.mended.loss)} after {STEPS} steps" in found.says[1]
    else:
        assert not any(fork.trains for fork in it.forks)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "cause"), [([], "order"), (["init=zeros", "model.depth=2"], "order and init")])
def test_rows_that_a_users_loader_has_in_the_order_of_their_labels(
    trained: Trained, words: list[str], cause: str
) -> None:
    """The loss of its own batches comes down; the fork is judged by shuffled ones."""
    folder = trained(
        "data._target_=evidence.users_data.Sorted", "data.batch_size=16", "+data.rows=6000", "lr=0.5", *words, epochs=1
    )
    found = explain(folder, steps=STEPS, allow=("evidence",))
    it = found.evidence
    assert found.cause == cause, str(found)
    assert it.repeats == "to the bit"
    assert it.as_it_was is not None
    assert it.mended is not None
    assert it.mended.change.words[0] == "shuffle=True"
    if not words:
        assert it.as_it_was.losses[-1] < 0.1 < it.as_it_was.loss
        assert it.mended.losses[0] != it.as_it_was.losses[0]


@pytest.mark.slow
def test_of_a_run_of_few_steps_they_are_all(trained: Trained) -> None:
    folder = trained("init=zeros", "trainer.limit_train_batches=12", epochs=2)
    found = explain(folder, steps=40)
    assert found.cause == "init"
    assert "after 24 steps" in found.says[1]
    assert found.evidence.repeats == "to the bit"


def test_a_run_of_several_devices_is_refused(trained: Trained) -> None:
    folder = trained()
    file = folder / "config.yaml"
    file.write_text(file.read_text().replace("devices: 1", "devices: 2"))
    with pytest.raises(UserError, match=r"trainer.devices=2: a run is explained on one device"):
        explain(folder)


@pytest.mark.slow
def test_a_run_that_failed_is_explained_too(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="non-finite"):
        trained("lr=1000.0", "callbacks.monitor.stop_on_nonfinite=true")
    assert open_run(tmp_path / "run").state == "failed"
    assert explain(tmp_path / "run", steps=STEPS).cause == "lr"


def test_stopped_in_the_middle_it_says_what_is_known(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, calls = trained("init=zeros", "model.depth=2"), []
    before = content(folder)

    def stops(*given: Any) -> Any:
        calls.append(given)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return fork(*given)

    monkeypatch.setattr(of_run, "fork", stops)
    with pytest.raises(KeyboardInterrupt):
        explain(folder, steps=STEPS)
    record = json.loads((folder / "explanation.json").read_text())
    assert record["complete"] is False
    assert len(record["forks"]) == 2
    assert record["cause"] == "init"
    assert "(1 of 1 seeds train)" in record["says"][1]
    assert record["says"][-1] == "It was stopped after 2 changes; this is what was known by then."
    assert {name: digest for name, digest in content(folder).items() if name != "explanation.json"} == before

    (folder / "explanation.json").write_text(json.dumps(record | {"complete": True}))
    whole = (folder / "explanation.json").read_bytes()
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        explain(folder, steps=STEPS)
    assert (folder / "explanation.json").read_bytes() == whole  # it says more than what was found until now


def test_a_run_of_a_few_updates_is_too_short_to_be_explained(trained: Trained) -> None:
    folder = trained("init=zeros", "trainer.max_steps=3")
    with pytest.raises(UserError, match=r"a run of 3 updates does not tell whether it trains, 20 may"):
        explain(folder, steps=STEPS)


@pytest.mark.parametrize("steps", [0, -1, 19, 10**6, 2.5, "100"])
def test_a_wrong_number_of_steps_is_one_sentence(steps: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"steps=.*: must be a whole number of updates from 20 to 2000"):
        explain(tmp_path, steps=steps)
