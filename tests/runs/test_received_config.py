"""A config.yaml that anybody may have written is checked as a typed config is, and the sentence names the file."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from initlab.composition import compose
from initlab.errors import UserError
from initlab.evaluation import evaluate
from initlab.run import train
from initlab.runs import open_run

WORDS = [
    "model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1", "data.num_train=64",
    "data.num_test=32", "~callbacks.progress_bar", "~logger.terminal", "~logger.tensorboard", "trainer.max_epochs=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(compose(*WORDS, run_dir=tmp_path_factory.mktemp("runs") / "run")).run_dir


@pytest.fixture
def altered(run_dir: Path, tmp_path: Path) -> Callable[..., Path]:
    def alter(key: str, value: Any) -> Path:
        folder = Path(shutil.copytree(run_dir, tmp_path / "run"))
        config = OmegaConf.load(folder / "config.yaml")
        group, _, name = key.rpartition(".")
        node = OmegaConf.select(config, group) if group else config
        if value is Ellipsis:
            del node[name]
        else:
            node[name] = value
        OmegaConf.save(config, folder / "config.yaml")
        return folder

    return alter


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "x"), ("threads", 1_000_000), ("monitor", [1]), ("data.num_train", 10**15), ("data.num_train", 10**30),
        ("data.num_val", -1), ("data.num_val", 10**12), ("data.batch_size", 0), ("model.width", 10**25),
        ("trainer.max_epochs", "many"), ("trainer.max_steps", None), ("lr", "fast"), ("model.task", ...),
        ("data.task", ...), ("nope", 1),
    ],
)  # fmt: skip
def test_a_value_that_cannot_work(altered: Callable[..., Path], key: str, value: Any) -> None:
    folder = altered(key, value)
    for way in (
        lambda: evaluate(open_run(folder)),
        lambda: open_run(folder).data,
        lambda: compose(f"resume={folder}", "trainer.max_epochs=2"),
    ):
        with pytest.raises(UserError) as caught:
            way()
        assert str(caught.value).startswith(f"{folder}/config.yaml: "), str(caught.value)
        assert key.split(".")[-1] in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_tables_of_a_run_are_read_whatever_its_config_says(altered: Callable[..., Path]) -> None:
    assert len(open_run(altered("seed", "x")).metrics) == 1


@pytest.mark.parametrize("name", ["BatchSizeFinder", "LearningRateFinder"])
def test_callbacks_that_would_belie_the_config(altered: Callable[..., Path], name: str) -> None:
    target = f"lightning.pytorch.callbacks.{name}"
    folder = altered("callbacks.finder", {"_target_": target})
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=f"callbacks.finder._target_={target}: it would train with another lr"):
        train(compose(f"resume={folder}", "trainer.max_epochs=2"))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    evaluate(open_run(folder))
