"""The forecast of a model of the user's, as `scripts/forecast.py model._target_=...` prints it."""

import re
from collections.abc import Iterator
from typing import Any

import lightning as L
import pytest
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from torch import Tensor, nn

from initlab.config import check_config
from initlab.errors import UserError
from initlab.forecasting.measured import terminal as network_terminal
from initlab.forecasting.measured.terminal import batch_of
from initlab.forecasting.terminal import report
from initlab.shipped import CONFIGS


def plain_net(num_inputs: int, depth: int = 3, **more: Any) -> nn.Module:
    """An argument of the option that `_target_` stands in, model=mlp, is given only where it is named or typed."""
    if more:
        raise TypeError(f"{sorted(more)} are not mine")
    layers = [one for _ in range(depth) for one in (nn.Linear(num_inputs, num_inputs), nn.Tanh())]
    return nn.Sequential(*layers, nn.Linear(num_inputs, 1))


class Lit(L.LightningModule):
    """With the arguments that a run gives."""

    def __init__(self, num_inputs: int, num_outputs: int, optimizer: Any, scheduler: Any) -> None:
        super().__init__()
        assert optimizer is not None
        self.net = nn.Sequential(nn.Linear(num_inputs, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU())
        self.head = nn.Linear(30, num_outputs)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return (self.head(self.net(batch[0])) - batch[1]).square().mean()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """What the command prints for these words."""

    def run(*words: str) -> str:
        words = ("data=synthetic_regression", "model.task=regression", *words)
        monkeypatch.setattr(network_terminal, "typed_words", lambda: list(words))
        cfg = hydra_compose("forecast", overrides=[*words, "run_dir=x"])
        check_config(cfg, name="forecast")
        report(cfg)
        return " ".join(capsys.readouterr().out.split())

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        yield run


def test_a_function_that_makes_a_module(said: Any) -> None:
    out = said(f"model._target_={__name__}.plain_net", "model.depth=4", "forecast.measure=3")
    assert "Sequential, 27 parameters, its own initialisation (init= draws another), SGD" in out
    assert "measured on 32 rows of initlab.data.SyntheticRegression, 3 draws" in out
    assert re.search(r" 8 Linear ", out)
    assert re.search(r"(trains|will not train|on the edge) ", out)


@pytest.mark.parametrize("key", ["lr", "optimizer.lr"])
def test_a_scheme_and_an_optimizer_that_were_typed(said: Any, key: str) -> None:
    out = said(f"model._target_={__name__}.plain_net", "init=xavier", "optimizer=adam", f"{key}=0.003")
    assert "init xavier" in out
    assert "ADAM" in out
    assert "at lr 0.003" in out


def test_a_lightning_module_has_the_scheme_of_its_run(said: Any) -> None:
    out = said(f"model._target_={__name__}.Lit")
    assert "Lit, 1,051 parameters, init kaiming" in out
    assert "no target given" not in out
    assert "net.2 Linear" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model._target_=torch.nn.Lineal"], "torch.nn has no Lineal; did you mean torch.nn.Linear?"),
        (["model._target_=torch.pi"], "must be a class or a function that makes an nn.Module"),
        (["model._target_=math.hypot"], "it made a float; it must make an nn.Module"),
        (["model._target_=torch.nn.Linear"], "model: torch.nn.Linear cannot be made so"),
        (["model._target_=torch.nn.Linear", "+model.in_features=7", "+model.out_features=2"], "does not take it"),
        ([f"model._target_={__name__}.plain_net", "forecast.rank=init"], "a ranking is of model=mlp"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(said: Any, words: list[str], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)) as refused:
        said(*words)
    assert "\n" not in str(refused.value)


class Loader:
    def __init__(self, *batch: Tensor) -> None:
        self._batch = batch

    def train_dataloader(self) -> Any:
        return [self._batch]


def test_images_in_the_shape_that_the_first_layer_takes() -> None:
    X, y = torch.randn(50, 1, 4, 4), torch.zeros(50)
    (coloured, some), said = batch_of(nn.Sequential(nn.Conv2d(3, 2, 3)), Loader(X, y))
    assert torch.equal(coloured, torch.cat([X[:32]] * 3, dim=1))
    assert len(some) == 32
    assert said == ["each grey image is given as 3 equal channels, as the first layer takes so many"]
    (flat, _), said = batch_of(nn.Sequential(nn.Linear(16, 2)), Loader(X, y))
    assert torch.equal(flat, X[:32].flatten(1))
    assert said == ["each row is given as 16 numbers, as the first layer takes so many"]
    for net in (nn.Conv2d(1, 2, 3), nn.Sequential(nn.Flatten(), nn.Linear(4, 2))):
        (same, _), said = batch_of(net, Loader(X, y))
        assert torch.equal(same, X[:32])
        assert said == []
