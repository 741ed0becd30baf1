"""What `scripts/forecast.py` prints, and what a run does with its forecast."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from children import answered
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig

from initlab.config import check_config
from initlab.errors import UserError
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.in_run import forecast_before
from initlab.forecasting.terminal import report
from initlab.models import MLP
from initlab.report.captions import forecast_line
from initlab.runs import Run
from initlab.shipped import CONFIGS

pytestmark = pytest.mark.slow

SCRIPT = str(CONFIGS.parent / "scripts" / "forecast.py")


@pytest.fixture(autouse=True)
def hydra() -> Iterator[None]:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        yield


def config(*overrides: str) -> DictConfig:
    cfg = hydra_compose("forecast", overrides=[*overrides, "run_dir=x"])
    check_config(cfg, name="forecast")
    return cfg


def test_the_command_answers_and_leaves_nothing(tmp_path: Path) -> None:
    words = ["model=mlp", "init=normal", "model.depth=6", "model.activation=tanh"]
    said = answered(SCRIPT, *words, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "will not train" in said.stdout
    assert "\nfix       python scripts/train.py model=mlp init=xavier model.depth=6 " in said.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_table_with_real_draws_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    report(config("init=kaiming", "model.num_hiddens=[64,32]", "forecast.measure=3"))
    said = capsys.readouterr().out
    assert "784, 64, 32, 10" in said
    assert "inside" in said
    assert "layers.2" in said
    assert "trains" in said


def test_what_cannot_be_predicted_can_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    report(config("init=identity", "model.depth=2", "model.width=16", "forecast.measure=1"))
    said = capsys.readouterr().out
    assert "no forecast" in said
    assert "layers.2" in said


def test_ranks(capsys: pytest.CaptureFixture[str]) -> None:
    report(config("forecast.rank=true", "model.depth=6", "model.width=64"))
    lines = capsys.readouterr().out.splitlines()
    inits = [line.split()[0] for line in lines[lines.index("") if "" in lines else 0 :] if line.strip()]
    assert inits.index("critical") < inits.index("kaiming") < inits.index("torch_default") < inits.index("normal")


def test_ranks_of_one_kind(capsys: pytest.CaptureFixture[str]) -> None:
    report(config("forecast.rank=init", "model.depth=10", "model.activation=tanh"))
    table = capsys.readouterr().out.partition("forecast.")[2]
    lines = [line.split() for line in table.splitlines() if line.strip()]
    assert lines[0] == ["init", "tanh"]
    assert lines[2][0] == "critical"
    report(config("forecast.rank=activation", "init=xavier", "model.depth=20"))
    words = capsys.readouterr().out.partition("forecast.")[2].split()
    assert words[:2] == ["activation", "xavier"]
    assert words.index("identity") < words.index("relu") < words.index("sigmoid")


def test_all_is_a_word_for_a_ranking(tmp_path: Path) -> None:
    words = ["init=all", "activation=all", "model.depth=1", "model.width=16"]
    said = answered(SCRIPT, *words, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    heading = said.stdout.partition("forecast.")[2].split()
    assert heading[:3] == ["init", "relu", "leaky_relu"]


def test_only_the_forecast_reads_its_key() -> None:
    with pytest.raises(UserError, match=r"forecast: a run does not read this key; python scripts/forecast\.py does"):
        check_config(config())


def test_a_scheme_says_what_it_came_to(capsys: pytest.CaptureFixture[str]) -> None:
    report(config("init=critical", "model.activation=tanh", "model.depth=3"))
    assert "chi_1 = 1.0000 at q* = 0.5; " in (said := capsys.readouterr().out)
    assert "carries at least 300 layers of 256 units" in said
    report(config("init=mup", "model.depth=3", "model.width=512"))
    assert "times 2, 1 (2 layers), 0.5 (SGD, base 256)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("overrides", "widths", "kind"),
    [
        (["model.num_hiddens=[5,6]", "optimizer=adamw"], (784, 5, 6, 10), "adam"),
        (["model=softmax", "data.resize=[14,14]"], (196, 10), "sgd"),
        (["model=linear", "data=synthetic_regression", "optimizer=torch_sgd"], (2, 1), "sgd"),
    ],
)
def test_the_network_is_read_from_the_config(overrides: list[str], widths: tuple[int, ...], kind: str) -> None:
    found = forecast_run(config(*overrides))
    assert (found.widths, found.kind) == (widths, kind)


def test_a_model_of_your_own_is_told_what_to_do(tmp_path: Path) -> None:
    cfg = config()
    cfg.model._target_ = "somebody.Net"
    with pytest.raises(UserError, match=r"somebody\.Net: the forecast knows chains"):
        forecast_run(cfg)
    forecast_before(cfg, tmp_path, None)  # a run goes on without
    assert list(tmp_path.iterdir()) == []


class Derived(MLP):
    """Another loss to report, the same network."""

    def configure_optimizers(self) -> object:
        return super().configure_optimizers()


class OtherNetwork(MLP):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return super().forward(X) / 2


def test_a_model_that_derives_from_ours_has_its_forecast_unless_it_computes_something_else() -> None:
    """A forward pass of its own makes another network, of which the recursion knows nothing."""
    cfg = config("model.depth=3")
    own = forecast_run(cfg)
    cfg.model._target_ = f"{__name__}.Derived"
    assert forecast_run(cfg).record() == own.record()
    cfg.model._target_ = f"{__name__}.OtherNetwork"
    with pytest.raises(UserError, match="OtherNetwork: the forecast knows chains"):
        forecast_run(cfg)


def test_a_run_says_one_line_and_keeps_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forecast_before(config("init=torch_default", "model.depth=10"), tmp_path, None)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("forecast will not train: ")
    assert said.endswith("fix compose(..., 'init=kaiming', 'lr=0.01') (forecast: trains at lr 0.01)")
    kept = json.loads((tmp_path / "forecast.json").read_text())
    assert kept["verdict"] == "will not train"
    assert f"forecast {kept['says']} fix {kept['fix']['command']} " in said
    assert len(kept["layers"]) == 11


def test_the_learning_rate_is_part_of_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line of a run, what its page reads and scripts/forecast.py have the same words."""
    cfg = config("model.depth=20", "model.activation=gelu")
    forecast_before(cfg, tmp_path, None)
    line, _, fix = " ".join(capsys.readouterr().out.split()).removeprefix("forecast ").partition(" fix ")
    assert line.startswith("will not train at lr 0.1: it diverges")
    assert "trains at lr 0.00" in fix
    assert forecast_line(Run.lenient(tmp_path)) == line
    report(cfg)
    assert line in " ".join(capsys.readouterr().out.split())


def test_many_networks_at_once_are_refused(tmp_path: Path) -> None:
    words = ["-m", "init=kaiming,normal"]
    said = answered(SCRIPT, *words, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr == "error: -m: forecast.py answers for one network at a time\n"
    assert list(tmp_path.iterdir()) == []
