"""Before its first update a run can be stopped at once; what cannot work is refused; neither leaves anything."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from children import PATIENCE, TRAIN, command, ended, run, start, wait_for
from test_resume import WORDS, said

from initlab.checks import memory
from initlab.composition import compose
from initlab.errors import UserError
from initlab.footprint import Footprint
from initlab.models import LinearRegression
from initlab.run import train

LINEAR = ["model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1", "debug=fast"]
OLD_RUN = f"run={Path(__file__).parents[1] / 'runs' / 'old_run'}"
MLP = ["model=mlp_regression", "data=synthetic_regression", "trainer=cpu", "threads=1", "debug=fast"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("word", ["data._target_=children.HoldingData", "model._target_=children.HoldingModel"])
def test_a_signal_before_the_first_update_is_obeyed_and_leaves_nothing(tmp_path: Path, word: str, number: int) -> None:
    words = [w for w in WORDS if not w.startswith("hydra.run.dir")]
    process = start([*words, word, "hydra.run.dir=outputs/runs/a"], tmp_path)
    wait_for((tmp_path / "held").exists, process.is_alive)
    assert process.pid
    os.kill(process.pid, number)
    assert ended(process) == 128 + number, said(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"said", "held"}, said(tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model.width=10000000"], "lower data.batch_size, model.width or model.depth"),
        (["model.depth=10000", "model.width=5000"], "lower model.width or model.depth"),
        (["model.num_hiddens=[300000,300000]"], "lower model.num_hiddens"),
        (["data.num_train=10000000", "data.batch_size=10000000", "model.width=5000"], "lower data.batch_size"),
        (["data.num_train=1000000000000"], "lower data.num_train"),
        (["model.depth=10001"], "model.depth=10001: must be a whole number of layers from 1 to 10000"),
        (["threads=100000"], "threads=100000: must be a whole number of at least 1 and at most 1024"),
        (["trainer.num_nodes=2"], "1: a run uses one machine"),
        (["data.batch_size=99999999999999999999999"], "must fit into 64 bits"),
        (["model.depth=3", "model.num_hiddens=[4]"], "model.depth=3: both say how large the layers are"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_allocated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 2**32)
    with pytest.raises(UserError) as caught:
        train(compose(*MLP, *words, run_dir=tmp_path / "run"))
    assert says in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_size_of_the_images_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UserError, match=r"data.resize=\[4096, 4096\]: the data need 2,187.5 GiB"
    ):  # 2 of 1 byte a pixel
        compose("data.resize=[4096,4096]", run_dir="x")


def test_memory_is_that_of_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    # 1000 x 1000 weights: theirs, their gradients' and Adam's two means are 16 MB, with a copy while they are drawn 20
    plain = {"model": {"_target_": "initlab.models.MLP", "depth": 2, "width": 1000}, "trainer": {"accelerator": "cpu"},
             "optimizer": {"_target_": "torch.optim.Adam"}, "data": {"batch_size": 1}}  # fmt: skip
    monkeypatch.setattr(memory, "available", lambda: 21_000_000)
    memory.check_model(plain, 1, 1, 1)
    monkeypatch.setattr(memory, "available", lambda: 20_000_000)
    with pytest.raises(UserError, match="optimiser state"):
        memory.check_model(plain, 1, 1, 1)


class Wrong(LinearRegression):
    """A model of the user's with a mistake in it."""

    def configure_optimizers(self) -> Any:
        return [][0]


def test_a_mistake_of_the_users_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        train(compose(*LINEAR, "model._target_=test_starting.Wrong", run_dir=tmp_path / "run"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["optimizer=adam", "+optimizer.eps=-1.0"], "optimizer: Invalid epsilon value: -1.0 (HYDRA_FULL"),
        (["+logger.tensorboard.nope=1"], "logger.tensorboard: TypeError"),
        (
            ["callbacks.best._target_=lightning.pytorch.callbacks.ModelCheckpoint", "+callbacks.best.save_top_k=-7"],
            "callbacks.best: lightning.pytorch.callbacks.ModelCheckpoint cannot be made so: Invalid value",
        ),
    ],
)
def test_what_a_library_refuses_names_the_key_and_leaves_nothing(tmp_path: Path, words: list[str], says: str) -> None:
    latest = tmp_path / "outputs" / "latest_run"
    train(compose(*LINEAR, "~callbacks.monitor", run_dir=latest.parent / "runs" / "before"))
    with pytest.raises(UserError) as caught:
        train(compose(*LINEAR, *words, run_dir=latest.parent / "runs" / "refused"))
    assert says in str(caught.value)
    assert [path.name for path in (latest.parent / "runs").iterdir()] == ["before"]
    assert latest.readlink() == Path("runs/before")


def test_what_held_something_is_never_erased(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    footprint = Footprint(tmp_path)
    (tmp_path / "config.yaml").write_text("")
    footprint.erase()
    assert {path.name for path in tmp_path.iterdir()} == {"notes", "config.yaml"}


@pytest.mark.slow
def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    words = [*WORDS, "trainer.max_epochs=1"]
    assert run(words, tmp_path) == 0, said(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert run(words, tmp_path) == 2
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("script", "word", "module"),
    [("evaluate", OLD_RUN, "torch.nn"), ("explain", OLD_RUN, "torch.nn"), ("report", "x", "initlab.report")],
)
def test_a_signal_ends_the_other_commands_in_one_line(
    tmp_path: Path, script: str, word: str, module: str, number: int
) -> None:
    words = [AT_AN_IMPORT, module, str(int(number)), str(Path(TRAIN).with_name(f"{script}.py")), word]
    with open(tmp_path / "said", "w") as out:
        process = command("-c", *words, cwd=tmp_path, stdout=out, stderr=out)
    assert process.wait(PATIENCE) == 128 + number, said(tmp_path)
    assert said(tmp_path) == ("stopped\n" if number == signal.SIGINT else "")


AT_AN_IMPORT = """
import os, runpy, sys
module, number = sys.argv[1], int(sys.argv[2])
class Watch:
    def find_spec(self, name, *rest):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Watch())
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("hydra_plugins", signal.SIGINT),
        ("hydra_plugins", signal.SIGTERM),
        ("torch.nn", signal.SIGINT),
        ("lightning.pytorch", signal.SIGTERM),
    ],
)
def test_a_signal_while_hydra_or_torch_is_imported_leaves_nothing(tmp_path: Path, module: str, number: int) -> None:
    words = [AT_AN_IMPORT, module, str(int(number)), TRAIN, *LINEAR]
    with open(tmp_path / "said", "w") as out:
        process = command("-c", *words, cwd=tmp_path, stdout=out, stderr=out)
    assert process.wait(PATIENCE) == 128 + number, said(tmp_path)
    assert "Traceback" not in said(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"said"}, said(tmp_path)
