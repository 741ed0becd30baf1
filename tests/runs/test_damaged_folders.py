"""Any file of a run's folder damaged in any way: one sentence or an answer, from everything that opens a run."""

import contextlib
import copy
import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from initlab.composition import compose
from initlab.errors import UserError
from initlab.evaluation import evaluate
from initlab.explaining import explain
from initlab.forecasting.from_config import forecast_run
from initlab.report import write_report
from initlab.run import train
from initlab.runs import open_run
from initlab.runs.checkpoint_io import WholeCheckpointIO

LINEAR = [
    "model=linear",
    "data=synthetic_regression",
    "init=normal",
    "trainer=cpu",
    "threads=1",
    "~callbacks.progress_bar",
]
LINEAR += ["data.num_train=64", "data.num_test=32", "~logger.terminal", "trainer.max_epochs=2"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(compose(*LINEAR, run_dir=tmp_path_factory.mktemp("runs") / "run")).run_dir


def read_all(folder: Path) -> None:
    run = open_run(folder)
    for name in ("config", "summary", "error", "environment", "findings", "metrics", "rows", "histograms"):
        with contextlib.suppress(UserError):
            getattr(run, name)


def resume(folder: Path) -> None:
    with contextlib.suppress(SystemExit):  # it is finished
        train(compose(f"resume={folder}"))


WAYS: dict[str, Callable[[Path], Any]] = {
    "read": read_all,
    "evaluate": lambda folder: evaluate(open_run(folder, weights="last")),
    "forecast": lambda folder: forecast_run(open_run(folder).config),
    "report": write_report,
    "resume": resume,
}


@pytest.fixture(scope="module")
def opened(run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The files that each way opens in a sound folder, as Python reports them: other content is for these alone."""
    paths: set[str] | None = set()

    def note(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and paths is not None and isinstance(args[0], str | os.PathLike):
            paths.add(os.fspath(args[0]))

    sys.addaudithook(note)  # for good; it only listens until the end of this fixture
    found = {}
    for name, way in WAYS.items():
        folder = shutil.copytree(run_dir, tmp_path_factory.mktemp("sound") / "run")
        if name == "resume":
            (folder / "summary.json").unlink()  # else it is finished
        paths = set()
        way(folder)
        found[name] = {os.path.relpath(path, folder) for path in paths if path.startswith(f"{folder}{os.sep}")}
    paths = None
    return found


def open_in_every_way(folder: Path, ways: dict[str, Callable[[Path], Any]]) -> dict[str, str]:
    """What each answers: nothing, or its one sentence."""
    answers = {}
    for name, way in ways.items():
        try:
            way(folder)
            answers[name] = ""
        except UserError as error:
            answers[name] = str(error)
            assert "\n" not in answers[name], name
            assert "weights_only" not in answers[name], name
    return answers


def flip(content: bytes, chance: random.Random) -> bytes:
    altered = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        altered[chance.randrange(len(altered))] = chance.randrange(256)
    return bytes(altered)


KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "empty": lambda content, chance: b"",
    "cut off": lambda content, chance: content[: chance.randrange(len(content))],
    "without its beginning": lambda content, chance: content[chance.randrange(len(content)) :],
    "bytes in front": lambda content, chance: chance.randbytes(20) + content,
    "flipped": flip,
    "noise": lambda content, chance: chance.randbytes(chance.randint(1, 2000)),
    "zeros": lambda content, chance: bytes(500),
    "one endless cell": lambda content, chance: b"a" * 200_000 + b"\n1\n",
    "null": lambda content, chance: b"null\n",
    "a list": lambda content, chance: b"[1, [2], {}]\n",
    "an object": lambda content, chance: b'{"metrics": [], "ended": 3, "model": 1, "callbacks": [2], "layers": {}}\n',
    "wrong values": lambda content, chance: content.replace(b": ", b": [", 1).replace(b"\n", b"]\n", 1),
    "deep": lambda content, chance: b"[" * 100_000,
    "twice": lambda content, chance: content + content,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "missing", "folder", "pipe", "device", "link"])
def test_every_file_damaged(run_dir: Path, opened: dict[str, set[str]], tmp_path: Path, kind: str) -> None:
    """Resumed too: of the files that a resume reads, all; where the damage is noticed, nothing is changed.
    Other content is tried on the ways that open the file, a file of another kind on all but evaluation and forecast."""
    chance = random.Random(kind)
    read = ("config.yaml", "environment.json", "metrics.csv", "signal.csv", "summary.json", "checkpoints/last.ckpt")
    assert opened["evaluate"] >= {"config.yaml", "checkpoints/last.ckpt"}
    assert opened["read"] & opened["report"] >= {"config.yaml", "environment.json", "metrics.csv", "signal.csv"}
    for file in sorted(path for path in run_dir.rglob("*") if path.is_file()):
        name = file.relative_to(run_dir).as_posix()
        folder = tmp_path / name.replace("/", "_")
        shutil.copytree(run_dir, folder)
        damaged = folder / name
        content = damaged.read_bytes()
        if kind in KINDS:
            damaged.write_bytes(KINDS[kind](content, chance) if content else b"x")
        else:
            damaged.unlink()
        if kind == "folder":
            damaged.mkdir()
        elif kind == "pipe":
            os.mkfifo(damaged)
        elif kind == "device":
            damaged.symlink_to("/dev/zero")
        elif kind == "link":
            (tmp_path / "precious").write_bytes(content)
            damaged.symlink_to(tmp_path / "precious")
        seldom = {"evaluate", "forecast"} if kind not in KINDS else set(WAYS) - {"resume"}
        ways = {way: do for way, do in WAYS.items() if way not in seldom or name in opened[way]}
        if name not in read or kind in ("twice", "zeros", "null"):
            del ways["resume"]
        elif name != "summary.json":
            (folder / "summary.json").unlink(missing_ok=True)  # not finished, so that it does resume
        answers = open_in_every_way(folder, ways)
        assert answers.get("report", "") == "", (name, answers)
        if kind == "link":
            assert (tmp_path / "precious").read_bytes() == content, name
        if name == "checkpoints/last.ckpt" and kind not in ("link", "missing"):
            assert "last.ckpt: " in answers["evaluate"]
        shutil.rmtree(folder)


def test_a_checkpoint_without_its_parts(run_dir: Path, tmp_path: Path) -> None:
    """Written by somebody, with a digest that is right."""
    folder = tmp_path / "run"
    shutil.copytree(run_dir, folder)
    (folder / "summary.json").unlink()
    path = folder / "checkpoints" / "last.ckpt"
    sound = torch.load(path, weights_only=True)
    cfg = compose(f"resume={folder}")  # once: it looks at no checkpoint
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p != path}

    def altered(*keys: str, value: Any = None) -> dict[str, Any]:
        content = torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)
        node = content
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = value
        return content

    contents = [
        *({name: value for name, value in sound.items() if name != left_out} for left_out in NEEDED),
        *(altered(name, value=value) for name in NEEDED for value in (None, 3.5, "x", [])
          if type(value) is not type(sound[name])),
        altered("loops", "fit_loop"),
        altered("loops", "fit_loop", "epoch_progress"),
        altered("run", "lengths", value={"signal.csv": -1}),
        altered("run", "stopped"),
        altered("epochs", value=[]),
        altered("epochs", "rows", "csv", "table", value={"columns": 1, "rows": "x"}),
        altered("state_dict", "net.weight", value=torch.zeros(3, 3)),
    ]  # fmt: skip
    for content in contents:
        WholeCheckpointIO().save_checkpoint(content, path)
        with pytest.raises(UserError, match=r"last\.ckpt: ") as caught:
            train(copy.deepcopy(cfg))
        assert "\n" not in str(caught.value)
        assert {p: p.read_bytes() for p in before} == before
    WholeCheckpointIO().save_checkpoint(sound, path)
    resume(folder)
    assert json.loads((folder / "summary.json").read_text())["metrics"]


@pytest.mark.parametrize("lost", ["checkpoints", "checkpoints/last.ckpt"])
def test_a_run_that_ended_is_not_replaced_from_step_0(run_dir: Path, tmp_path: Path, lost: str) -> None:
    folder = shutil.copytree(run_dir, tmp_path / "run")
    shutil.rmtree(folder / lost) if lost == "checkpoints" else (folder / lost).unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    says = r"last\.ckpt: is not there, and from step 0 the run would replace what it has recorded; .*start a new run$"
    with pytest.raises(UserError, match=says) as caught:
        train(compose(f"resume={folder}", "trainer.max_epochs=3"))
    assert ("best.ckpt in its place" in str(caught.value)) == (lost != "checkpoints")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


NEEDED = ("epoch", "global_step", "state_dict", "loops", "callbacks", "optimizer_states", "lr_schedulers", "run")


@pytest.mark.parametrize(
    "name", ["signal.csv", "tensorboard", "checkpoints", "checkpoints/last.ckpt", "x", "config.yaml", "run.log"]
)
def test_a_resume_follows_no_link(run_dir: Path, tmp_path: Path, name: str) -> None:
    folder, precious = tmp_path / "run", tmp_path / "precious"
    shutil.copytree(run_dir, folder)
    (folder / "summary.json").unlink()
    if (folder / name).exists():
        (folder / name).rename(precious)
    else:
        precious.write_text("mine")
    (folder / name).symlink_to(precious)
    files = [precious] if precious.is_file() else sorted(precious.iterdir())
    before = [file.read_bytes() for file in files]
    with pytest.raises(UserError, match=f"{name}: a symbolic link"):
        resume(folder)
    assert [file.read_bytes() for file in files] == before


def test_an_evaluation_follows_no_link(run_dir: Path, tmp_path: Path) -> None:
    folder, precious = tmp_path / "run", tmp_path / "precious"
    shutil.copytree(run_dir, folder)
    precious.mkdir()
    (folder / "evaluation").symlink_to(precious)
    with pytest.raises(UserError, match="evaluation: must be a folder, but is a symbolic link"):
        evaluate(open_run(folder))
    assert list(precious.iterdir()) == []


GROUPS = "data: {}\ninit: {}\noptimizer: {}\ntrainer: {}\n".replace("{}", "{_target_: x.y}")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghijkl", "bcdefghijklm", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, r"refers to another part of the file"),
        ("a: &a [*a]\n", "refers to another part"),
        ("a: " + "[" * 5000 + "]" * 5000, "more than 50 levels"),
        ("a: [" + "1," * 2_000_000 + "]", "more than 20,000 values"),
        ("a: '" + "x" * 20_000_000 + "'", "bytes, more than a run writes"),
        ("a: !!python/object/apply:os.mkdir [boom]\n", "not a config"),
        ("a: 1\na: 2\n", "not a config"),
        ("1: 2\n", "has no key 1"),
        ("model: {_target_: initlab.models.MLP}\n", "it has no data"),
        (f"{GROUPS}model: 3\n", "model: must be null or values with a _target_"),
        (f"{GROUPS}model: {{width: 3}}\n", "model: must be"),
        (f"{GROUPS}model: {{a: 1}}\ncallbacks: [1]\n", "model: must be"),
        (f"{GROUPS}model: *a\n", "refers to another part"),
        (f"{GROUPS}model: {{_target_: os.system}}\n", "a run is rebuilt from classes of initlab"),
        ("", "not a config, but empty or a list"),
    ],
)
def test_a_config_of_another_kind(run_dir: Path, tmp_path: Path, text: str, says: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_dir, folder)
    (folder / "config.yaml").write_text(text)
    for way in (*(WAYS[name] for name in ("evaluate", "forecast", "resume")), explain):
        with pytest.raises(UserError, match=says) as caught:
            way(folder)
        assert str(caught.value).count(str(folder / "config.yaml")) == 1
    write_report(folder)
    assert not Path("boom").exists()


def test_a_checkpoint_that_is_a_folder(run_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_dir, folder)
    (folder / "checkpoints" / "best.ckpt").unlink()
    (folder / "checkpoints" / "best.ckpt").mkdir()
    with pytest.raises(UserError, match=r"best\.ckpt: must be a file, but is a folder"):
        evaluate(open_run(folder))
