"""What is packed can be read back, and what is left out is what may be."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from run_folders import make_run

from initlab.report import captions, figures
from initlab.runs import Run


def test_the_first_hundred_steps_stay_whole_and_the_later_ones_lie_evenly() -> None:
    steps = np.arange(100_000)
    kept = steps[figures.thinned(steps, later=50)]
    assert list(kept[:100]) == list(range(100))
    assert len(kept) == 150
    assert kept[-1] == 99_999
    gaps = np.diff(kept[100:])
    assert gaps.max() - gaps.min() <= 1
    few = np.array([0, 50, 100, 200])
    assert list(figures.thinned(few, later=50)) == [0, 1, 2, 3]


@pytest.mark.parametrize("value", [1e-45, 3.3e-9, 0.02, 1.0, 17.0, 2.5e38])
def test_a_code_is_the_figure_to_less_than_half_a_percent(value: float) -> None:
    code = int(figures.coded(np.array([value]), linear=False)[0])
    back = 10 ** ((code - figures.FIRST) / figures.A_DECADE - figures.DECADES)
    assert back == pytest.approx(value, rel=0.5 / figures.A_DECADE * math.log(10) * 1.001)  # half a step


def test_what_has_no_logarithm_has_a_code_of_its_own() -> None:
    values = np.array([0.0, math.nan, math.inf, -math.inf])
    assert figures.coded(values, linear=False).tolist() == [1, 2, 2, 0]
    assert figures.coded(np.array([0.0, 1.0]), linear=True).tolist() == [3, 60_003]  # no share is a mark


def test_layers_are_those_between_the_functions_in_the_order_of_the_network(tmp_path: Path) -> None:
    run = Run.lenient(make_run(tmp_path / "run", depth=11))  # layers.10 comes after layers.2, not before
    packed = figures.pictures(run, figures.Blob(), later=20)
    assert packed["std"]["layers"] == [f"layers.{i}" for i in range(12)]
    assert packed["dead"]["layers"] == [f"phi.{i}" for i in range(11)]
    assert packed["std"]["steps"][:100] == list(range(100))
    assert packed["grad_std"]["steps"][:11] == list(range(0, 101, 10))


def test_the_forecast_stands_beside_what_the_first_step_showed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", depth=3, fades=0.1)
    layers = [
        {"name": f"layers.{i}", "std": 0.1**i, "low": 0.09, "high": None, "grad": 0.1 ** (2 - i), "grad_low": "x"}
        for i in range(4)
    ]
    (folder / "forecast.json").write_text(json.dumps({"verdict": "will not train", "layers": [*layers, 7]}))
    run = Run.lenient(folder)
    panels = figures.forecast(run)
    assert panels["std"]["value"] == pytest.approx([0.1**i for i in range(4)])
    assert panels["std"]["high"] == [None] * 4
    assert panels["grad"]["layers"] == ["layers.0", "layers.1", "layers.2"]  # hidden ones
    assert panels["grad"]["measured"] == pytest.approx([0.01, 0.1, 1.0])  # over the last of them
    assert panels["grad"]["low"] == [None] * 3
    assert captions.forecast_line(run) == "will not train"


@pytest.mark.parametrize(("name", "title"), [("MLP", "MLP"), ("MLPRegression", "MLP regression")])
def test_a_page_names_the_model_in_words(tmp_path: Path, name: str, title: str) -> None:
    run = Run.lenient(make_run(tmp_path / "run", depth=1))
    run.settings["model"] = {"_target_": f"initlab.models.{name}"}
    assert captions.run_title(run).split(",")[0] == title
