"""The trainer of a run, before it trains."""

from pathlib import Path

import lightning as L
import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from initlab import compose
from initlab.callbacks import SignalMonitor, TensorBoardPage
from initlab.plots.signal_pictures import SignalPictures
from initlab.run.claim import Claim
from initlab.run.trainer import build_callbacks, build_trainer
from initlab.runs import RunDir


class OwnLogger(TensorBoardLogger):
    """As a user may derive one."""


@pytest.mark.parametrize("kind", [TensorBoardLogger, OwnLogger])
def test_a_tensorboard_of_a_resumed_run_forgets_later_steps(tmp_path: Path, kind: type) -> None:
    cfg = compose("model=linear", "data=synthetic_regression", "trainer=cpu", run_dir=tmp_path)
    cfg.logger.tensorboard._target_ = f"{kind.__module__}.{kind.__qualname__}"
    model, data, claim = (
        L.LightningModule(),
        L.LightningDataModule(),
        Claim(cfg, RunDir(tmp_path), {"global_step": 7, "loops": {}}),
    )
    trainer = build_trainer(cfg, model, data, [], claim)
    (logger,) = (logger for logger in trainer.loggers if isinstance(logger, kind))
    logger.experiment.close()  # type: ignore[attr-defined]
    (file,) = Path(logger.log_dir).glob("events*")  # type: ignore[arg-type]
    assert [event.step for event in EventFileLoader(str(file)).Load() if event.HasField("session_log")] == [8]


@pytest.mark.parametrize("key", ["lr", "optimizer.lr"])
def test_the_page_gets_the_hyper_parameters(tmp_path: Path, key: str) -> None:
    """The learning rate among them is the optimiser's, by whichever key it was typed."""
    cfg = compose("model=linear", "data=synthetic_regression", f"{key}=0.25", run_dir=tmp_path)
    callbacks = build_callbacks(cfg, L.LightningModule(), [], Claim(cfg, RunDir(cfg.run_dir)))
    (page,) = (callback for callback in callbacks if isinstance(callback, TensorBoardPage))
    assert page.hparams is not None
    assert page.hparams["lr"] == 0.25


@pytest.mark.parametrize("option", ["default", "activation_stats"])
def test_a_job_of_a_sweep_draws_no_pictures(tmp_path: Path, option: str) -> None:
    for of_sweep in (False, True):
        cfg = compose("model=linear", "data=synthetic_regression", f"callbacks={option}", run_dir=tmp_path)
        if of_sweep:
            (tmp_path / "job.json").write_text("{}")
        callbacks = build_callbacks(cfg, L.LightningModule(), [], Claim(cfg, RunDir(cfg.run_dir)))
        (monitor,) = (callback for callback in callbacks if isinstance(callback, SignalMonitor))
        drawn = any(isinstance(observer, SignalPictures) for observer in monitor.observers)
        assert drawn == (option == "default" and not of_sweep)
