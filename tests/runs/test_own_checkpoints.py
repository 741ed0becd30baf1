"""A checkpoint belongs to the run that wrote it, wherever its folder lies, and no other run takes it."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from initlab.composition import compose
from initlab.errors import UserError
from initlab.evaluation import evaluate
from initlab.run import train
from initlab.runs import open_checkpoint, open_run

WORDS = [
    "model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1", "data.num_train=64",
    "data.num_test=32", "~callbacks.progress_bar", "~logger.terminal", "~logger.tensorboard", "trainer.max_epochs=2",
]  # fmt: skip
OF_ANOTHER = "another run wrote this checkpoint"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs that differ in nothing that the shape of their weights would show."""
    folder = tmp_path_factory.mktemp("two")
    for seed, name in enumerate("ab"):
        train(compose(*WORDS, f"seed={seed}", run_dir=folder / name))
    return {name: folder / name for name in "ab"}


@pytest.fixture
def both(two: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    return {name: Path(shutil.copytree(folder, tmp_path / f"moved_{name}")) for name, folder in two.items()}


def further(folder: Path) -> None:
    train(compose(f"resume={folder}", "trainer.max_epochs=4"))


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("names", [["last"], ["best"], ["best", "last"]])
@pytest.mark.parametrize("without", ["", "a", "b", "ab"])
def test_of_another_run_it_is_refused_and_nothing_changes(
    both: dict[str, Path], names: list[str], without: str
) -> None:
    """Of one that has no id, as of an older version, too."""
    for name in without:
        forget_id(both[name])
    a, b = (both[name] / "checkpoints" for name in "ab")
    for name in names:
        shutil.copy(a / f"{name}.ckpt", b / f"{name}.ckpt")
    before = files(both["b"])
    with pytest.raises(UserError, match=OF_ANOTHER) as caught:
        further(both["b"])
    assert "\n" not in str(caught.value)
    assert ("put" in str(caught.value)) is (names == ["last"])  # only where that would help
    for name in names:
        with pytest.raises(UserError, match=OF_ANOTHER):
            evaluate(open_run(both["b"], weights=name))
        with pytest.raises(UserError, match=OF_ANOTHER):
            evaluate(open_checkpoint(b / f"{name}.ckpt"))
    assert files(both["b"]) == before
    if names == ["last"]:
        further(both["a"])


def test_a_run_that_was_moved_takes_its_own(both: dict[str, Path], two: dict[str, Path]) -> None:
    last = both["a"] / "checkpoints" / "last.ckpt"
    shutil.copy(last.with_name("best.ckpt"), last)  # within a run
    evaluate(open_run(both["a"], weights="last"))
    further(both["a"])
    ids = {torch.load(path, weights_only=True)["run_id"] for path in last.parent.glob("*.ckpt")}
    assert ids == {json.loads((two["a"] / "environment.json").read_text())["run_id"]}
    assert ids != {json.loads((two["b"] / "environment.json").read_text())["run_id"]}


def test_a_run_whose_record_is_lost_or_from_before_there_were_ids_resumes(both: dict[str, Path]) -> None:
    (both["a"] / "environment.json").unlink()
    forget_id(both["b"])
    last = both["b"] / "checkpoints" / "last.ckpt"
    shutil.copy(last.with_name("best.ckpt"), last)
    for folder in both.values():
        further(folder)
        assert open_run(folder).metrics["epoch"].tolist() == [0, 1, 2, 3]
        evaluate(open_run(folder))
        train(compose(f"resume={folder}", "trainer.max_epochs=5"))
    assert open_run(both["a"]).environment["run_id"]
    assert "run_id" not in open_run(both["b"]).environment


def forget_id(folder: Path) -> None:
    environment = json.loads((folder / "environment.json").read_text())
    del environment["run_id"]
    (folder / "environment.json").write_text(json.dumps(environment))
    for path in (folder / "checkpoints").glob("*.ckpt"):
        saved = torch.load(path, weights_only=True)
        del saved["run_id"]
        torch.save(saved, path)
