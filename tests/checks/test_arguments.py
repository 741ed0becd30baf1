"""A key that nothing takes is refused in one sentence, before anything is written; what a constructor takes is not."""

from pathlib import Path

import pytest
import torch

from initlab.composition import compose
from initlab.errors import UserError
from initlab.forecasting import forecast
from initlab.init import Kaiming, initialize
from initlab.run import train

LINEAR = ["model=linear", "data=synthetic_regression", "init=normal", "debug=fast", "threads=1"]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("+model.baise=1", "model.baise: initlab.models.LinearRegression takes no such value; did you mean bias?"),
        ("+init.sigmaa=1", "init.sigmaa: initlab.init.Normal takes no such value; did you mean sigma?"),
        ("+data.xyz=1", "data.xyz: initlab.data.SyntheticRegression takes no such value"),
        ("+optimizer.momentun=1", "did you mean momentum?"),
        ("+trainer.max_epoch=1", "did you mean max_epochs?"),
        ("+callbacks.monitor.every_n_step=1", "did you mean every_n_steps?"),
        ("+logger.csv.folder=1", "logger.csv.folder: initlab.callbacks.CsvLogger takes no such value"),
    ],
)
def test_an_unknown_key(tmp_path: Path, word: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        train(compose(*LINEAR, word, run_dir=tmp_path / "run"))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_unknown_key_of_a_scheduler(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scheduler.gama: .* did you mean gamma\?"):
        train(compose(*LINEAR, "scheduler=step", "+scheduler.gama=1", run_dir=tmp_path / "run"))


def test_what_a_constructor_takes_may_be_added(tmp_path: Path) -> None:
    words = ["+trainer.log_every_n_steps=7", "optimizer=torch_sgd", "+optimizer.nesterov=false",
             "+callbacks.mine._target_=lightning.pytorch.callbacks.LearningRateMonitor",
             "+callbacks.mine.logging_interval=epoch", "+logger.tensorboard.comment=x"]  # fmt: skip
    train(compose(*LINEAR, *words, run_dir=tmp_path / "run"))


def test_initialize_names_what_it_leaves_alone() -> None:
    with pytest.raises(UserError, match=r"no layer to initialise, but weight \(BatchNorm1d, a norm"):
        initialize(torch.nn.BatchNorm1d(3), Kaiming())


@pytest.mark.parametrize("given", ["kaiming", {"model": 1}, None])
def test_forecast_says_what_it_takes(given: object) -> None:
    with pytest.raises(UserError, match="it takes an initialisation and the widths of a chain of dense layers"):
        forecast(given)  # type: ignore[arg-type]


def test_forecast_of_a_module_needs_a_batch() -> None:
    with pytest.raises(UserError, match=r"forecast\(a Conv2d\): a batch is needed"):
        forecast(torch.nn.Conv2d(1, 2, 3))
