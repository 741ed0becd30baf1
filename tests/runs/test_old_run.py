"""A run folder as an earlier version wrote it, before its classes moved: evaluated, reported, resumed."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from initlab import callbacks
from initlab.callbacks import BestCheckpoint
from initlab.composition import compose
from initlab.evaluation.evaluate import evaluate
from initlab.report import write_report
from initlab.run import train
from initlab.runs import open_run
from initlab.runs.renamed import NOW
from initlab.shipped import CONFIGS


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).with_name("old_run"), tmp_path / "old_run")
    return tmp_path / "old_run"


def test_it_is_evaluated_and_reported(old_run: Path) -> None:
    run = open_run(old_run)
    assert run.summary is not None
    assert evaluate(run)["metrics"]["test/loss"] == pytest.approx(run.summary["metrics"]["test/loss"], rel=1e-6)
    write_report(old_run)
    assert "LinearRegression" in (old_run / "report.html").read_text(encoding="utf-8")


def test_it_resumes_as_the_run_that_was_not_interrupted(old_run: Path, tmp_path: Path) -> None:
    resumed = train(compose(f"resume={old_run}", "trainer.max_epochs=3"))
    own = OmegaConf.to_container(open_run(old_run).config)
    assert not set(NOW) & set(str(own).replace("'", " ").split())
    straight = train(
        compose(
            "model=linear",
            "data=synthetic_regression",
            "init=normal",
            "lr=0.03",
            "data.num_train=64",
            "data.num_val=32",
            "trainer=cpu",
            "trainer.max_epochs=3",
            "threads=1",
            "logger.tensorboard=null",
            run_dir=tmp_path / "straight",
        )
    )
    for name, weight in straight.model.state_dict().items():  # other processors may round otherwise
        torch.testing.assert_close(resumed.model.state_dict()[name], weight, rtol=1e-6, atol=1e-7)
    both = [pd.read_csv(folder / "metrics.csv") for folder in (old_run, tmp_path / "straight")]
    pd.testing.assert_frame_equal(*both, rtol=1e-6)
    assert (old_run / "checkpoints" / "best.ckpt").exists()


def test_every_present_name_is_one() -> None:
    from hydra.utils import get_class

    assert get_class("initlab.callbacks.BestCheckpoint") is BestCheckpoint
    for old, name in NOW.items():
        assert get_class(name).__name__ == old.rpartition(".")[2]
    shown = "".join(path.read_text() for path in CONFIGS.rglob("*.yaml"))
    assert not [old for old in NOW if old in shown]


def test_the_monitor_is_where_it_was() -> None:
    from initlab.monitor import SignalMonitor

    assert SignalMonitor is callbacks.SignalMonitor
