"""Where a run ends: trainer.max_steps, max_time, min_epochs, early stopping and other callbacks; what it says of
it, and how it trains further."""

import json
import signal
from pathlib import Path
from typing import Any

import lightning as L
import pytest
from children import run
from test_resume import RESUME, WORDS, assert_same_run, said

from initlab.composition import compose
from initlab.errors import UserError
from initlab.numbers import shown
from initlab.run import train
from initlab.runs import Run, open_run
from initlab.runs.outcome import facts, outcome
from initlab.runs.resume import LIMITS

STEPS = [*WORDS, "trainer.max_epochs=4", "trainer.max_steps=52"]  # 32 an epoch


@pytest.mark.parametrize(
    ("k", "deaths"),
    [
        (1, ("step 51",)),
        (5, ("step 37", "step 51", "LastCheckpoint.on_train_end 1", "RunDir.finish 1")),
        (16, ("step 37",)),
    ],
)
def test_max_steps_killed_and_resumed_it_is_the_same_run(tmp_path: Path, k: int, deaths: tuple[str, ...]) -> None:
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    words = [*STEPS[:-2], f"steps_per_execution={k}", *STEPS[-2:]]
    assert run(words, whole) == 0, said(whole)
    for die in deaths:
        assert run(words, killed, die) == -signal.SIGKILL, (die, said(killed))
        words = RESUME
    assert run(words, killed) == 0, said(killed)
    assert_same_run(killed / "run", whole / "run")


@pytest.mark.parametrize(("k", "firsts"), [(1, (20,)), (5, (20, 32, 50)), (16, (50,))])
def test_further_than_max_steps_is_as_good_as_longer_from_the_start(
    tmp_path: Path, k: int, firsts: tuple[int, ...]
) -> None:
    """Within an epoch, at its end, and in the last one."""
    words = [*WORDS, f"steps_per_execution={k}", "trainer.max_epochs=2", "callbacks.last.every_n_steps=15"]
    (tmp_path / "whole").mkdir()
    assert run(words, tmp_path / "whole") == 0, said(tmp_path / "whole")
    for first in firsts:
        cwd = tmp_path / str(first)
        cwd.mkdir()
        assert run([*words, f"trainer.max_steps={first}"], cwd) == 0, said(cwd)
        ended = open_run(cwd / "run").summary["ended"]
        assert (ended["by"], ended["steps"]) == ("max_steps", first)
        assert f"trainer.max_steps={first} is reached" in said(cwd)
        if (k, first) == (5, 20):
            assert run([*RESUME, "trainer.max_epochs=3"], cwd) == 0
            assert f"nothing left to train: {first} of {first} steps are done" in said(cwd)
        assert run([*RESUME, "trainer.max_steps=-1"], cwd) == 0, said(cwd)
        assert_same_run(cwd / "run", tmp_path / "whole" / "run")


LINEAR = ["model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1", "~callbacks.monitor"]
STOPS = ["+callbacks.stops._target_=test_limits.StopsAt"]
EARLY = [
    "+callbacks.early._target_=lightning.pytorch.callbacks.EarlyStopping",
    "+callbacks.early.monitor=val/loss",
    "+callbacks.early.patience=1",
]


def test_early_stopping_is_reported_and_a_larger_patience_trains_on_as_if_it_had_been_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*LINEAR, *EARLY, "lr=0.0", "trainer.max_epochs=8"]  # nothing ever improves
    folder = tmp_path / "run"
    train(compose(*words, run_dir=folder))
    says = "stopped after epoch 2 of 8: val/loss did not improve for 1 epoch"
    assert says in capsys.readouterr().out
    ended = open_run(folder).summary["ended"]
    assert ended == {"by": "early_stopping", "says": says, "epochs": 2, "steps": 64}
    assert says[1:] in outcome(Run.lenient(folder)).because  # with a capital

    with pytest.raises(SystemExit):
        compose(f"resume={folder}", "trainer.max_epochs=16")
    out = capsys.readouterr().out
    assert f"nothing left to train: {says}; a larger callbacks.early.patience" in out
    train(compose(f"resume={folder}", "callbacks.last.every_n_steps=77"))
    assert "nothing left to train" in capsys.readouterr().out
    train(compose(f"resume={folder}", "callbacks.early.patience=3"))
    train(compose(*LINEAR, *EARLY[:2], "+callbacks.early.patience=3", *words[-2:], run_dir=tmp_path / "straight"))
    for name in ("metrics.csv", "summary.json"):
        ours, its = ((path / name).read_text() for path in (folder, tmp_path / "straight"))
        assert ours.split('"seconds"')[0] == its.split('"seconds"')[0]
    train(compose(f"resume={folder}", "callbacks.early=null"))
    assert open_run(folder).summary["ended"]["by"] == "max_epochs"
    assert len(open_run(folder).metrics) == 8


@pytest.mark.parametrize("min_seconds", [0, 1_000_000])
def test_a_run_that_ended_trains_further_whether_it_had_saved_before_or_not_but_never_less(
    tmp_path: Path, min_seconds: int
) -> None:
    """And leaves the files of a run that was as long from the start: nothing of the shorter one, no second set."""
    words = [*LINEAR[:-1], f"callbacks.last.min_seconds={min_seconds}", "callbacks.last.every_n_steps=7"]
    folder, straight = tmp_path / "run", tmp_path / "straight"
    train(compose(*words, "trainer.max_epochs=3", "trainer.max_steps=50", run_dir=folder))

    def refuses(says: str, *less: str) -> None:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        with pytest.raises(UserError, match=f"{less[0]}: the run has trained {says} already"):
            train(compose(f"resume={folder}", *less))
        assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    refuses("2", "trainer.max_epochs=1", "trainer.max_steps=-1")
    train(compose(f"resume={folder}", "trainer.max_epochs=9", "trainer.max_steps=-1"))
    refuses("288", "trainer.max_steps=200", "trainer.max_epochs=12")
    train(compose(*words, "trainer.max_epochs=9", run_dir=straight))
    for name in ("metrics.csv", "signal.csv", "histograms.csv", "findings.json"):
        assert (folder / name).read_bytes() == (straight / name).read_bytes()
    assert {path.name for path in folder.iterdir()} == {path.name for path in straight.iterdir()}


@pytest.mark.parametrize(("every", "epoch"), [(3, " (epoch 6)"), (7, ""), (1, "")])
def test_a_metric_from_before_the_end_says_of_which_epoch_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], every: int, epoch: str
) -> None:
    words = [*LINEAR, "trainer.max_epochs=7", f"trainer.check_val_every_n_epoch={every}"]
    train(compose(*words, run_dir=tmp_path / "run"))
    out = " ".join(capsys.readouterr().out.split())
    run = open_run(tmp_path / "run")
    loss = f"{shown(run.last['val/loss'])}{epoch}"
    assert f"At the end: val/loss {loss}." in out
    assert f"│ train │ val{epoch} │ test, best epoch │" in out
    assert facts(run)["val/loss"] == loss
    assert "epoch" not in facts(run)["train/loss"] + facts(run)["test/loss"]


def test_a_file_of_the_users_stays_when_a_run_without_a_monitor_goes_on(tmp_path: Path) -> None:
    words = [*LINEAR, "trainer.max_epochs=1", "callbacks.last.min_seconds=0"]
    train(compose(*words, run_dir=tmp_path / "run"))
    (tmp_path / "run" / "findings.json").write_text("mine")
    train(compose(f"resume={tmp_path / 'run'}", "trainer.max_epochs=2"))
    assert (tmp_path / "run" / "findings.json").read_text() == "mine"


class StopsAt(L.Callback):
    def on_train_batch_end(self, trainer: L.Trainer, *rest: Any) -> None:
        if trainer.global_step == 40:
            trainer.should_stop = True


@pytest.mark.parametrize(
    ("words", "epochs", "says"),
    [
        ([*STOPS, "steps_per_execution=1"], 2, "stopped in epoch 2 of 4, after 40 steps: StopsAt or the model set"),
        ([*STOPS, "trainer.min_epochs=3"], 3, "stopped after epoch 3 of 4: StopsAt"),
        (["trainer.max_time={seconds: 1}", "trainer.max_epochs=-1"], None, "trainer.max_time={'seconds': 1} is over"),
        (["trainer.max_steps=64", "trainer.max_epochs=-1"], 2, "after epoch 2: trainer.max_steps=64 is reached"),
        ([*EARLY[:2], "+callbacks.early.stopping_threshold=1e9"], 1, "val/loss reached stopping_threshold=1"),
        ([*EARLY, "lr=1e9"], None, "val/loss is not a finite number"),
        ([*EARLY, "lr=0.0", "trainer.check_val_every_n_epoch=2"], 4, ""),
        ([], 4, ""),
    ],
)  # fmt: skip
def test_why_a_run_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], epochs: int | None, says: str
) -> None:
    train(compose(*LINEAR, "trainer.max_epochs=4", *words, run_dir=tmp_path / "run"))
    run = open_run(tmp_path / "run")
    assert run.summary is not None
    ended = run.summary["ended"]
    assert says in ended["says"]
    assert ended["says"] in " ".join(capsys.readouterr().out.split())
    assert epochs in (None, ended["epochs"])
    assert ended["epochs"] == len(run.metrics)
    assert run.metrics["step"].iloc[-1] == ended["steps"]


@pytest.mark.parametrize(("value", "steps"), [("3", 3), ("true", 1)])
def test_a_fast_dev_run_is_ended_by_the_key_that_was_typed(tmp_path: Path, value: str, steps: int) -> None:
    train(compose(*LINEAR, f"trainer.fast_dev_run={value}", run_dir=tmp_path / "run"))
    ended = open_run(tmp_path / "run").summary["ended"]
    assert ended["says"].endswith(f": trainer.fast_dev_run={value} makes no more")
    assert (ended["by"], ended["steps"]) == ("max_steps", steps)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trainer.max_steps=0"], "trainer.max_steps=0: must be a whole number of at least 1, or -1"),
        (["trainer.max_steps=null"], "trainer.max_steps=null"),
        (["trainer.max_time='1:00'"], "trainer.max_time=1:00"),
        (["trainer.max_time={hour: 1}"], "trainer.max_time="),
        (["trainer.max_time='00:00:00:00'"], "a time above 0"),
        (["trainer.max_epochs=-1"], "trainer.max_epochs=-1: a run without this limit needs"),
        (["trainer.min_epochs=20"], "trainer.min_epochs=20: must be at most trainer.max_epochs=10"),
        (["trainer.min_steps=20", "trainer.max_steps=10"], "trainer.min_steps=20"),
    ],
)
def test_a_limit_that_cannot_be(words: list[str], says: str) -> None:
    with pytest.raises(UserError) as caught:
        compose(*LINEAR, *words, run_dir="x")
    assert says in str(caught.value)


def test_a_run_from_before_there_were_these_keys_resumes(tmp_path: Path) -> None:
    train(compose(*LINEAR, "trainer.max_epochs=1", run_dir=tmp_path / "run"))
    config = tmp_path / "run" / "config.yaml"
    lines = [line for line in config.read_text().splitlines() if line.strip().split(":")[0] not in LIMITS[1:]]
    config.write_text("\n".join(lines) + "\n")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    del summary["ended"]
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary))
    train(compose(f"resume={tmp_path / 'run'}", "trainer.max_epochs=3", "trainer.max_steps=70"))
    ended = open_run(tmp_path / "run").summary["ended"]
    assert (ended["by"], ended["steps"]) == ("max_steps", 70)
