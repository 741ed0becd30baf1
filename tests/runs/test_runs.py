"""What a run leaves on the disk."""

import contextlib
import csv
import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from children import command
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from torch.utils.tensorboard import SummaryWriter

from initlab.composition import compose
from initlab.errors import UserError
from initlab.run import train
from initlab.runs import RowWriter, RunDir
from initlab.runs.atomic import whole_file
from initlab.runs.checkpoint_io import WholeCheckpointIO


def test_rows_come_back_as_the_same_numbers(tmp_path: Path) -> None:
    table = RowWriter(tmp_path / "rows.csv", ("step", "value"))
    values = [0.1, 1e-38, -1e38, float("inf"), 1 / 3]
    for step, value in enumerate(values):
        table.write([{"step": step, "value": value}])
    with open(tmp_path / "rows.csv", newline="") as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == values


def test_a_file_is_whole_or_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def fill_the_disk() -> None:
        with whole_file(path) as file:
            file.write(b"new, but")
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_sigkill_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    """A real process that overwrites a file piece by piece, killed after each piece, and before and after it is put
    in its place; where it is to be killed, it waits for that."""
    target, pieces, size = tmp_path / "last.ckpt", 3, 1_000_000
    child = f"""
import os, sys
from initlab.runs.atomic import whole_file
left = int(sys.argv[1])
def event():
    global left
    left -= 1
    if left == 0:
        print("here", flush=True)
        sys.stdin.read()
move = os.replace
def replace(*paths):
    event()
    move(*paths)
    event()
os.replace = replace
with whole_file({str(target)!r}) as file:
    for _ in range({pieces}):
        file.write(b"b" * {size})
        event()
"""
    target.write_bytes(b"a" * size)
    for place in range(1, pieces + 3):
        with command("-c", child, str(place), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.read(5) == b"here\n"
            assert (tmp_path / f"last.ckpt.{process.pid}.part").exists() == (place < pieces + 2)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert target.read_bytes() == (b"a" * size if place < pieces + 2 else b"b" * size * pieces)


def test_links_are_replaced_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    for name in ("x", f"x.{os.getpid()}.part"):
        precious.write_text("mine")
        (tmp_path / name).symlink_to(precious)
        with whole_file(tmp_path / "x") as file:
            file.write(b"new")
        assert (tmp_path / "x").read_text() == "new"
        assert precious.read_text() == "mine"


def test_of_two_who_make_a_new_file_one_is_refused(tmp_path: Path) -> None:
    with whole_file(tmp_path / "x", new=True) as file:
        file.write(b"first")
    with pytest.raises(FileExistsError), whole_file(tmp_path / "x", new=True) as file:
        file.write(b"second")
    assert (tmp_path / "x").read_text() == "first"
    assert os.listdir(tmp_path) == ["x"]


def test_a_checkpoint_is_written_that_way(tmp_path: Path) -> None:
    io = WholeCheckpointIO()
    io.save_checkpoint({"state_dict": torch.ones(3)}, tmp_path / "new" / "a.ckpt")
    assert os.listdir(tmp_path / "new") == ["a.ckpt"]
    loaded = io.load_checkpoint(tmp_path / "new" / "a.ckpt", weights_only=True)
    assert torch.equal(loaded["state_dict"], torch.ones(3))
    with pytest.raises(TypeError):  # what cannot be pickled leaves nothing
        io.save_checkpoint({"w": (x for x in ())}, tmp_path / "new" / "b.ckpt")
    assert os.listdir(tmp_path / "new") == ["a.ckpt"]


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    RunDir(tmp_path / "run").create("seed: 0\n")
    with pytest.raises(UserError, match=r"hydra.run.dir=.*already holds a run"):
        RunDir(tmp_path / "run").create("seed: 1\n")
    assert (tmp_path / "run" / "config.yaml").read_text() == "seed: 0\n"


@pytest.mark.parametrize("left_behind", [False, True])
def test_a_disk_that_is_full_as_a_run_begins_leaves_no_dead_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_behind: bool
) -> None:
    """No config.yaml rather than an empty one, so that the same command works as soon as there is room."""

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run_dir = RunDir(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            run_dir.create("seed: 0\n")
    assert os.listdir(tmp_path) == []
    if left_behind:  # by a kill
        (tmp_path / "config.yaml.1234.part").write_text("see")
    run_dir.create("seed: 0\n")
    assert (tmp_path / "config.yaml").read_text() == "seed: 0\n"


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        RunDir(tmp_path).create("seed: 0\n")
    assert os.listdir(tmp_path) == ["metrics.csv"]


def test_latest_points_to_the_newest_run_and_sweep(tmp_path: Path) -> None:
    for name in ("runs/a", "runs/b", "sweeps/s/0_init-zeros", "sweeps/s/1_init-xavier"):
        RunDir(tmp_path / "outputs" / name).create("")
    assert (tmp_path / "outputs/latest_run").resolve() == tmp_path / "outputs/runs/b"
    assert (tmp_path / "outputs/latest_sweep").resolve() == tmp_path / "outputs/sweeps/s"


def test_tensorboard_lists_each_run_once(tmp_path: Path) -> None:
    """Also where an earlier version left its link inside the folder."""
    runs = tmp_path / "outputs/runs"
    for name in ("a", "b"):
        RunDir(runs / name).create("")
        with SummaryWriter(runs / name / "tensorboard") as writer:
            writer.add_scalar("loss", 1.0)
        if name == "a":
            (runs / "latest").symlink_to("a")
    listed = EventMultiplexer()
    listed.AddRunsFromDirectory(str(runs))
    assert sorted(listed.Runs()) == ["a/tensorboard", "b/tensorboard"]


def test_a_chosen_folder_gets_no_link_beside_it(tmp_path: Path) -> None:
    RunDir(tmp_path / "mine").create("")
    assert sorted(os.listdir(tmp_path)) == ["mine"]


def test_the_environment_names_versions_threads_and_commit(tmp_path: Path) -> None:
    RunDir(tmp_path).create("")
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__.split("+")[0]
    assert environment["threads"] == torch.get_num_threads()
    source = Path(__file__).parents[2]
    commit = subprocess.run(["git", "-C", source, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert (environment["git"] or {"commit": ""})["commit"] == commit.stdout.strip()


CLAIMS = """
import sys
from initlab.footprint import new_folder
print("ready", flush=True)
sys.stdin.readline()
print(new_folder("outputs/runs/now"), flush=True)
sys.stdin.readline()  # none goes before the others have come
"""


def test_of_commands_given_in_the_same_instant_each_gets_a_folder(tmp_path: Path) -> None:
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(command("-c", CLAIMS, cwd=tmp_path, **pipes)) for _ in range(4)]

        def say(child: Any) -> None:
            child.stdin.write("go\n")

        def hear(child: Any) -> str:
            return str(child.stdout.readline()).strip()

        assert [hear(child) for child in children] == ["ready"] * 4
        for child in children:
            say(child)
        said = sorted(hear(child) for child in children)
        for child in children:
            say(child)
    assert said == ["outputs/runs/now", *(f"outputs/runs/now_{number}" for number in (2, 3, 4))]
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left <= {"outputs", "outputs/runs"}  # what one of them made while another was there


@pytest.mark.slow
def test_a_clock_that_was_set_back_leaves_tensorboard_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed and resumed twice, each time an hour earlier by the clock; TensorBoard's own reader sees every step
    once, in order, and no time before the one that precedes it."""
    words = ["model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1"]
    words += ["trainer.max_epochs=3", "callbacks.step_curve.every_n_steps=1", "callbacks.last.every_n_steps=10"]
    folder, clock = tmp_path / "run", time.time
    words = [*words, "~callbacks.monitor"]
    for part, step in enumerate((40, 75, 999)):
        monkeypatch.setattr(time, "time", lambda part=part: clock() - 3600 * part)
        pid = os.fork()
        if pid == 0:
            with open(tmp_path / "said", "w") as said:
                os.dup2(said.fileno(), 1)
            train(compose(f"resume={folder}") if part else compose(*words, run_dir=folder), [Dies(step)])
            os._exit(7)
        status = os.waitpid(pid, 0)[1]
        assert os.waitstatus_to_exitcode(status) == (7 if step == 999 else -signal.SIGKILL)
    files = sorted((folder / "tensorboard").glob("events*"))
    events = [event for file in files for event in EventFileLoader(str(file)).Load()]
    times = [event.wall_time for event in events]
    assert times == sorted(times)
    steps = [event.step for event in events for value in event.summary.value if value.tag == "train/loss_step"]
    assert steps == list(range(96))


class Dies(L.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: L.Trainer, *rest: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
