"""A file of data is read once by a run with its forecast, and by a forecast of however many networks."""

import functools
from pathlib import Path
from typing import Any

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir

from initlab.composition import compose
from initlab.data import CSVTable
from initlab.forecasting.from_config import forecast_run, read_data
from initlab.forecasting.remedy import remedy
from initlab.forecasting.terminal import report
from initlab.run import train
from initlab.shipped import CONFIGS


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A file `rows.csv` in the working directory, and every reading of it."""
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("\n".join(["x,y", *(f"{i},{i * i}" for i in range(64))]) + "\n")
    found: list[Path] = []
    original = CSVTable.__init__

    @functools.wraps(original)
    def counted(self: CSVTable, **more: Any) -> None:
        found.append(Path(more["path"]))
        original(self, **more)

    monkeypatch.setattr(CSVTable, "__init__", counted)
    return found


WORDS = ["data=csv", "data.path=rows.csv", "data.target=y", "model=mlp_regression", "model.depth=12", "init=normal"]


def test_by_a_run(reads: list[Path], tmp_path: Path) -> None:
    run = train(compose(*WORDS, "trainer=cpu", "trainer.max_epochs=1", run_dir=tmp_path / "run"))
    assert (run.run_dir / "forecast.json").exists()
    assert reads == [Path("rows.csv")]


def test_by_a_ranking(reads: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        report(hydra_compose("forecast", overrides=[*WORDS, "forecast.rank=activation", "run_dir=a_run"]))
    assert "tanh" in capsys.readouterr().out
    assert reads == [Path("rows.csv")]


def test_by_the_search_for_a_fix(reads: list[Path]) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = hydra_compose("train", overrides=[*WORDS, "run_dir=a_run"])
        data = read_data(cfg)
        assert remedy(cfg, forecast_run(cfg, data), WORDS, data) is not None
    assert reads == [Path("rows.csv")]
