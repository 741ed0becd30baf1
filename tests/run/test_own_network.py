"""A network of the user's own, drawn by init= as ours are."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from initlab.composition import compose
from initlab.errors import UserError
from initlab.run import train
from initlab.runs import open_run

WORDS = ["model=linear", "model._target_=test_own_network.Net", "data=synthetic_regression", "debug=fast", "threads=1"]

SYNTHETIC = ("w", "b", "noise", "num_train", "num_val", "num_test", "batch_size", "seed")


class Net(L.LightningModule):
    def __init__(self, num_inputs: int, num_outputs: int, optimizer: Any, scheduler: Any, **settings: Any) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 6, 3, padding=1), nn.BatchNorm1d(6)
        self.head = nn.Linear(6 * num_inputs, num_outputs)
        self.shift = nn.Parameter(torch.zeros(num_outputs))
        self.optimizer = optimizer

    def forward(self, X: Tensor) -> Tensor:
        H = F.relu(self.norm(self.conv(X.unsqueeze(1))))
        return self.head(H.flatten(1)) + self.shift

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return F.mse_loss(self(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("val/loss", F.mse_loss(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer(self.parameters())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("init", ["kaiming", "lsuv", "orthogonal"])
def test_a_cnn_is_drawn_and_what_was_not_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], init: str
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    train(compose(*WORDS, f"init={init}", run_dir=tmp_path / "run"))
    said = " ".join(capsys.readouterr().out.split())
    assert "left alone: shift (Net), norm.weight, norm.bias (BatchNorm1d)" in said
    assert "fan in" in said
    if init == "kaiming":  # sqrt(2 / 3) behind a ReLU, 1 / sqrt(12) without one
        assert "0.8165" in said
        assert "0.2887" in said


class Dense(Net):
    def __init__(self, num_inputs: int, num_outputs: int, optimizer: Any, scheduler: Any, **settings: Any) -> None:
        L.LightningModule.__init__(self)
        self.layers = nn.Sequential(nn.Linear(num_inputs, 32), nn.Tanh(), nn.Linear(32, num_outputs))
        self.optimizer = optimizer

    def forward(self, X: Tensor) -> Tensor:
        return self.layers(X)


@pytest.mark.filterwarnings("ignore")
def test_learning_rates_that_its_optimiser_does_not_have_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    train(compose(*WORDS, "model._target_=test_own_network.Dense", "init=mup", run_dir=tmp_path / "run"))
    said = " ".join(capsys.readouterr().out.split())
    assert "Dense makes its optimiser: initlab.init.with_step_sizes for these rates" in said


class Deep(Dense):
    def __init__(self, num_inputs: int, num_outputs: int, **given: Any) -> None:
        super().__init__(num_inputs, num_outputs, **given)
        hidden = [layer for _ in range(12) for layer in (nn.Linear(32, 32), nn.Tanh())]
        self.layers = nn.Sequential(nn.Linear(num_inputs, 32), *hidden, nn.Linear(32, num_outputs))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("words", "forecast", "fix"),
    [
        (
            ["model._target_=test_own_network.Dense", "lr=5.0"],
            "trains with a suitable learning rate",
            "none computed: here the forecast judges no learning rate",
        ),
        (
            ["model._target_=test_own_network.Deep", "init=normal", "lr=1e-9"],
            "will not train",
            "none computed: of this network only the first step was looked at",
        ),
    ],
)
def test_the_end_knows_the_forecast_of_the_beginning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    forecast: str,
    fix: str,
) -> None:
    """What is printed as the forecast is the one that the folder keeps, and the line about a fix follows it."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    own = [word for word in WORDS if word != "debug=fast"]
    train(compose(*own, "trainer=cpu", "trainer.max_epochs=2", *words, run_dir=tmp_path / "run"))
    said = " ".join(capsys.readouterr().out.split())
    kept = open_run(tmp_path / "run").forecast
    assert kept["says"].startswith(forecast)
    assert f"forecast {kept['says']}" in said
    assert f"fix {fix}" in said


class LateData(L.LightningDataModule):
    """Has its rows from `setup` on."""

    num_inputs, num_outputs = 2, 1

    def setup(self, stage: str) -> None:
        rows = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        self.rows = TensorDataset(rows, rows.sum(1, keepdim=True))

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.rows, 16, shuffle=True)


@pytest.mark.filterwarnings("ignore")
def test_data_that_are_not_there_yet_are_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    data = ["data._target_=test_own_network.LateData", *(f"~data.{key}" for key in SYNTHETIC)]
    train(compose(*WORDS, *data, "init=kaiming", run_dir=tmp_path / "run"))
    said = " ".join(capsys.readouterr().out.split())
    assert "nothing was traced: there is no batch (AttributeError" in said


@pytest.mark.filterwarnings("ignore")
def test_an_init_for_dense_layers_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    with pytest.raises(UserError, match=r"init=mup.*conv\.weight \(Conv1d\): its learning rates are for dense layers"):
        train(compose(*WORDS, "init=mup", run_dir=tmp_path / "run"))
    assert not (tmp_path / "run").exists()
