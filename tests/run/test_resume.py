"""A run that was killed, and goes on, is the same run: the same bits in every file."""

import json
import os
import random
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from children import ended, run, start, wait_for
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from initlab.callbacks.stopping import Stopping
from initlab.data import SyntheticRegression
from initlab.models import LinearRegression
from initlab.nn import SGD

pytestmark = pytest.mark.slow

WORDS = [
    "model=linear", "model._target_=children.NoisyRegression", "data=synthetic_regression", "init=normal", "lr=0.03",
    "optimizer.momentum=0.9", "trainer=cpu", "threads=1", "trainer.max_epochs=3", "callbacks.last.every_n_steps=10",
    "callbacks.monitor.dense_steps=20", "callbacks.monitor.every_n_steps=7", "callbacks.monitor.max_overhead=null",
    "callbacks.step_curve.every_n_steps=3", "hydra.run.dir=run", "steps_per_execution=5",
    "callbacks.last.min_seconds=0",
]  # fmt: skip


RESUME = ["resume=run", "allow=children"]


def scalars(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """Every scalar in the event files, as it stands there: a step twice would be twice in the list."""
    found: dict[str, list[tuple[int, float]]] = {}
    for part in (folder / "tensorboard").glob("events*"):
        for event in EventFileLoader(str(part)).Load():
            for value in event.summary.value:
                if value.HasField("tensor") and value.tensor.float_val:
                    found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return {tag: sorted((step, repr(value)) for step, value in points) for tag, points in found.items()}  # nan too


def said(cwd: Path) -> str:
    path = cwd / "said"
    return path.read_text() if path.exists() else ""


def weights(folder: Path, name: str) -> dict[str, Any]:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def assert_same_run(folder: Path, straight: Path) -> None:
    assert not list(folder.rglob("*.part"))
    for name in ("metrics.csv", "signal.csv", "histograms.csv", "findings.json"):
        assert (folder / name).read_text().splitlines() == (straight / name).read_text().splitlines(), name
    ours, its = ((path / "config.yaml").read_text().replace(str(path), "") for path in (folder, straight))
    assert ours == its
    for name in ("best", "last"):
        ours, its = weights(folder, name), weights(straight, name)
        assert all(torch.equal(ours[key], its[key]) for key in its), name
    ours, its = (json.loads((path / "summary.json").read_text()) for path in (folder, straight))
    assert ours["metrics"] == its["metrics"]
    assert ours["score"] == its["score"]
    ours, its = scalars(folder), scalars(straight)
    assert ours == its


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    cwd = tmp_path_factory.mktemp("straight")
    assert run(WORDS, cwd) == 0, (cwd / "said").read_text()
    steps = [step for step, _ in scalars(cwd / "run")["train/loss_step"]]
    assert steps == list(range(0, 96, 3))  # 3 epochs of ceil(1000 / 32) steps
    return cwd / "run"


@pytest.mark.parametrize(
    "deaths",
    [
        [
            "write 1",  # no older checkpoint
            "step 17",
            "LastCheckpoint.on_train_epoch_end 1",  # the epoch's row and best.ckpt are written, last.ckpt is not
            "step 32",  # the first epoch is over
            "LinearRegression.on_validation_epoch_start 1",
            "write 1",
            "step 95",
            "LastCheckpoint.on_train_end 1",
            "LinearRegression.on_test_epoch_start 1",
            "RunDir.finish 1",
        ],
        ["step 30", "step 31", "FindingsReport.on_end 1"],  # a checkpoint has just been made; the last batch
    ],
)
def test_killed_there_and_resumed_it_is_the_same_run(tmp_path: Path, straight: Path, deaths: list[str]) -> None:
    """SIGKILL at one point after the other; each part goes on from what the one before has left."""
    words = WORDS
    for die in deaths:
        assert run(words, tmp_path, die) == -signal.SIGKILL, (die, said(tmp_path))
        assert not (tmp_path / "run" / "summary.json").exists()
        words = RESUME
    assert run(words, tmp_path) == 0, said(tmp_path)
    assert_same_run(tmp_path / "run", straight)


def test_a_save_that_comes_too_soon_is_left_out(tmp_path: Path, straight: Path) -> None:
    """As all of them but the last do here; the run is the same, from step 0 again where it was killed."""
    words = [*WORDS[:-1], "callbacks.last.min_seconds=1000"]
    assert run(words, tmp_path, "step 95") == -signal.SIGKILL, said(tmp_path)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["best.ckpt"]
    assert run(RESUME, tmp_path) == 0, said(tmp_path)
    assert (tmp_path / "run" / "metrics.csv").read_text() == (straight / "metrics.csv").read_text()
    ours, its = weights(tmp_path / "run", "last"), weights(straight, "last")
    assert all(torch.equal(ours[key], its[key]) for key in its)


@pytest.mark.parametrize(
    ("more", "deaths", "finds"),
    [
        (
            # 7 updates an epoch, the last from two batches; a checkpoint that is due falls on the epoch's last batch.
            ["trainer.accumulate_grad_batches=3", "trainer.limit_train_batches=20", "callbacks.last.every_n_steps=7"],
            ["step 13", "LinearRegression.on_validation_epoch_start 1"],
            [],
        ),
        (  # several updates a call, as far as the limit
            ["trainer.limit_train_batches=20", "callbacks.last.every_n_steps=7"],
            [
                "step 17",
                "LastCheckpoint.on_train_epoch_end 1",
                "step 33",
                "LinearRegression.on_validation_epoch_start 1",
            ],
            [],
        ),
        (
            ["+trainer.val_check_interval=0.25", "optimizer=adam", "scheduler=one_cycle", "lr=1e-9"],
            ["step 41", "LastCheckpoint.on_train_end 1"],
            ["update too small"],
        ),
    ],
)
def test_with_other_ways_to_train(tmp_path: Path, more: list[str], deaths: list[str], finds: list[str]) -> None:
    without = tuple(word.split("=")[0] for word in more) + (("optimizer.momentum",) if "optimizer=adam" in more else ())
    words = [*(word for word in WORDS if word.split("=")[0] not in without), *more]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    assert run(words, whole) == 0, said(whole)
    for die in deaths:
        assert run(words, killed, die) == -signal.SIGKILL, said(killed)
        words = RESUME
    assert run(words, killed) == 0, said(killed)
    assert_same_run(killed / "run", whole / "run")
    found = json.loads((killed / "run" / "findings.json").read_text())
    assert [finding["kind"] for finding in found] == finds


def test_killed_again_and_again_at_any_moment(tmp_path: Path, straight: Path) -> None:
    """SIGKILL after a random number of calls, every time, until it gets through."""
    chance = random.Random(0)
    words, kills = WORDS, 0
    while status := run(words, tmp_path, f"call {chance.randint(1, 50_000 * (kills + 1))}"):
        assert status == -signal.SIGKILL, said(tmp_path)
        kills += 1
        words = RESUME
    assert kills >= 3
    assert_same_run(tmp_path / "run", straight)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_by_a_signal_and_resumed(tmp_path: Path, straight: Path, number: int, status: int) -> None:
    process = start(WORDS, tmp_path, "hold 41")  # in the second epoch
    wait_for((tmp_path / "held").exists, process.is_alive)
    os.kill(process.pid, number)
    wait_for(lambda: "stopping after this update" in said(tmp_path), process.is_alive)
    (tmp_path / "go").touch()
    assert ended(process) == status, said(tmp_path)
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"] == 42
    words = said(tmp_path)
    assert "stopped in epoch" in words
    assert "It did not finish; so far it trains. The training loss fell from" in words
    assert words.index("run/report.html") < words.index("resume ")
    assert "python scripts/train.py resume=run allow=children" in words
    assert "Traceback" not in words
    assert not (tmp_path / "run" / "summary.json").exists()
    assert run(RESUME, tmp_path) == 0, said(tmp_path)
    assert_same_run(tmp_path / "run", straight)


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    """In the middle of an update that does not end."""
    process = start(WORDS, tmp_path, "hold 37")
    wait_for((tmp_path / "held").exists, process.is_alive)
    os.kill(process.pid, signal.SIGINT)
    wait_for(lambda: "once more" in said(tmp_path), process.is_alive)
    os.kill(process.pid, signal.SIGINT)
    assert ended(process) == 130
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"] == 32


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(fit: Callable[..., Any], number: int) -> None:
    """As Ctrl-C is in a background job of a script, or after `trap '' INT`."""

    class Raises(L.Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            signal.raise_signal(number)

    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Stopping() as stopping:
            model = LinearRegression(num_inputs=2, num_outputs=1, optimizer=lambda params: SGD(params, lr=0.03))
            trainer = fit(model, SyntheticRegression(), callbacks=[Raises(), stopping], enable_checkpointing=True)
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)
    assert trainer.global_step == 32


def test_a_run_that_failed_goes_on_from_its_last_checkpoint(tmp_path: Path, straight: Path) -> None:
    assert run(WORDS, tmp_path, "fail 37") == 1
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"] == 32
    assert run(RESUME, tmp_path) == 0, said(tmp_path)
    assert_same_run(tmp_path / "run", straight)


def test_to_train_further_is_as_good_as_longer_from_the_start(tmp_path: Path, straight: Path) -> None:
    assert run([*WORDS, "trainer.max_epochs=2"], tmp_path) == 0, said(tmp_path)
    assert run(RESUME, tmp_path) == 0
    further = "python scripts/train.py resume=run allow=children trainer.max_epochs=4"
    assert f"run is finished, with 2 epochs; to train further: {further}" in said(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "run"
    (tmp_path / "run").rename(moved)  # a run folder that was copied from another machine
    assert run(["resume=elsewhere/run", "allow=children", "trainer.max_epochs=3"], tmp_path) == 0, said(tmp_path)
    assert_same_run(moved, straight)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "run.log"}


def test_a_resume_that_comes_second_changes_nothing(tmp_path: Path) -> None:
    """Of two at once the second waits before it has the lock, until the first has finished the run."""
    assert run(WORDS, tmp_path, "step 40") == -signal.SIGKILL
    second = start(RESUME, tmp_path, "@RunDir.hold 1")
    wait_for((tmp_path / "held").exists, second.is_alive)
    assert run(RESUME, tmp_path) == 0, said(tmp_path)
    before = content(tmp_path / "run")
    (tmp_path / "go").touch()
    assert ended(second) == 2
    assert b"another process has finished this run in the meantime" in (tmp_path / "said").read_bytes()
    assert content(tmp_path / "run") == before


def test_a_resume_while_another_trains_changes_nothing(tmp_path: Path) -> None:
    first = start(WORDS, tmp_path, "hold 41")
    wait_for((tmp_path / "held").exists, first.is_alive)
    before = content(tmp_path / "run")
    assert run(RESUME, tmp_path) == 2
    assert b"this run is still training, in another process" in (tmp_path / "said").read_bytes()
    assert content(tmp_path / "run") == before
    (tmp_path / "go").touch()
    assert ended(first) == 0


def test_a_run_that_starts_again_from_step_0_is_advised_in_words_for_the_shell(tmp_path: Path) -> None:
    """Those of its own command, the first one, with what the command that resumes it changes."""
    words = ["model=linear", "data=synthetic_regression", "init=normal", "lr=50", "trainer=cpu", "threads=1"]
    assert run([*words, "trainer.max_epochs=3", "hydra.run.dir=run"], tmp_path, "step 0") == -signal.SIGKILL
    assert run(["resume=run", "trainer.max_epochs=2"], tmp_path) == 0, said(tmp_path)
    out = " ".join(said(tmp_path).replace("\\\n", " ").split())
    fix = re.findall(r"fix (.*?) \(forecast: trains", out)
    assert len(fix) == 2  # at its beginning, and at its end
    for command in fix:
        assert re.sub(r"lr=[\d.]+", "lr=", command) == " ".join([
            "python scripts/train.py model=linear data=synthetic_regression init=normal lr= trainer=cpu threads=1",
            "trainer.max_epochs=2",
        ])  # fmt: skip
