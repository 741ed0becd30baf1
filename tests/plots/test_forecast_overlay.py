"""What was predicted beside what was measured, from rows written by hand."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import history, mlp

from initlab.diagnosis.findings import find
from initlab.diagnosis.outline import Outline
from initlab.diagnosis.prediction import PredictedLayer, Prediction, read_prediction
from initlab.forecasting import forecast
from initlab.init import Kaiming
from initlab.limits import limits_of
from initlab.plots.forecast_overlay import (
    ABOVE,
    BELOW,
    HEIGHT,
    LEFT,
    RIGHT,
    SPAN,
    WIDTH,
    ZONE,
    backward,
    forecast_picture,
    forward,
)
from initlab.plots.style import BAND, BLUE, ORANGE, rgb
from initlab.runs import Run

OUTLINE = Outline(chain=("layers.0", "layers.1"), activations=(), bounded=(), matrices=())


def layer(name: str, std: float | None = 1.0, width: float = 1.2) -> PredictedLayer:
    low, high = (None, None) if std is None else (std / width, std * width)
    return PredictedLayer(name, std, low, high, 1.0, 0.8, 1.25)


PREDICTED = tuple(layer(f"layers.{i}") for i in range(3))


def test_a_forecast_is_read_back(tmp_path: Path) -> None:
    found = forecast(Kaiming(), "relu", [784, 64, 10])
    (tmp_path / "forecast.json").write_text(json.dumps(found.record()))
    first, last = read_prediction(Run.lenient(tmp_path)).layers
    assert (first.name, first.std, first.low) == ("layers.0", found.layers[0].std, found.layers[0].low)
    assert last.name == "layers.1"


@pytest.mark.parametrize("content", [None, "", "[]", '{"layers": [7, {"std": 1}]}', '{"layers": 3}'])
def test_without_a_forecast_there_is_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "forecast.json").write_text(content)
    assert read_prediction(Run.lenient(tmp_path)) == Prediction()


@pytest.mark.parametrize(("std", "found"), [(1.0, False), (1.3, False), (1.5, True), (0.6, True)])
def test_a_start_beyond_four_sigma_is_a_finding(std: float, found: bool) -> None:
    """The band 1/1.2 to 1.2 is two sigma, so 1.44 is four."""
    seen = find(history(mlp(3, std=lambda i: std if i == 1 else 1.0)), OUTLINE, predicted=PREDICTED)
    assert [f.kind for f in seen] == (["unforeseen signal"] if found else [])
    if found:
        assert seen[0].layers == ("layers.1",)
        assert seen[0].since == 0
        assert f"{std:.3g}, the forecast for this initialisation 0.833 to 1.2" in seen[0].says


def test_a_band_that_is_one_number_leaves_room_for_rounding() -> None:
    """Of orthogonal weights and rows of one length, say."""
    exact = [replace(layer, low=layer.std, high=layer.std) for layer in PREDICTED]
    for off, kinds in ((1e-6, []), (0.1, ["unforeseen signal"])):
        values = mlp(3, std=lambda i, off=off: exact[0].std * (1 + off))
        assert [f.kind for f in find(history(values), OUTLINE, predicted=exact)] == kinds


def test_what_training_does_later_is_no_unforeseen_signal() -> None:
    values = mlp(3, std=lambda i: lambda step: 1.0 if step == 0 else 9.0)
    assert "unforeseen signal" not in {f.kind for f in find(history(values), OUTLINE, predicted=PREDICTED)}


def _later(value: float, frm: int = 20) -> list[str]:
    """Kinds of findings of a net whose middle layer goes to `value` at that step and stays."""
    values = mlp(3, std=lambda i: lambda step: value if i == 1 and step >= frm else 1.0)
    return [
        f.sentence for f in find(history(values, range(50)), OUTLINE, predicted=PREDICTED) if f.kind == "left its band"
    ]


@pytest.mark.parametrize("value", [1.5, 8.0, 0.15, 11.0])
def test_training_may_take_a_layer_some_way_from_where_it_began(value: float) -> None:
    """Ten times beyond 1/1.2 to 1.2 is above 12 or below 0.083."""
    assert _later(value) == []


@pytest.mark.parametrize("value", [13.0, 0.08, 0.0])
def test_a_layer_far_beyond_its_band_is_a_finding_with_its_step(value: float) -> None:
    (said,) = _later(value)
    assert said.startswith(
        f"left its band, since step 20, by training: layers.1: the std of the output is {value:.3g}, the forecast for"
    )


def test_a_small_signal_may_grow_to_one() -> None:
    small = [replace(f, std=1e-4, low=0.9e-4, high=1.1e-4) for f in PREDICTED]
    grown = mlp(3, std=lambda i: lambda step: 1e-4 if step < 20 else 5.0)
    assert "left its band" not in {f.kind for f in find(history(grown, range(50)), OUTLINE, predicted=small)}


def test_the_output_may_go_where_it_likes() -> None:
    values = mlp(3, std=lambda i: lambda step: 50.0 if i == 2 and step > 5 else 1.0)
    assert find(history(values, range(50)), OUTLINE, predicted=PREDICTED) == []


def painted(picture: np.ndarray, colour: str) -> np.ndarray:
    """Rows and columns, [pixels, 2], of one colour."""
    return np.argwhere((picture == rgb(colour)).all(-1))


def test_the_picture_shows_line_band_and_dots() -> None:
    made = history(mlp(3, std=lambda i: 1.1 + i, grad_std=lambda i: 2.0**i))
    np.testing.assert_allclose(forward(made, PREDICTED).dots, [1.1, 2.1, 3.1])
    np.testing.assert_allclose(backward(made, PREDICTED).dots, [0.5, 1.0])  # over that of the last hidden layer
    picture = forecast_picture(made, Prediction(PREDICTED))
    assert len(painted(picture, BAND)) > 1000
    assert len(painted(picture, BLUE)) > 100
    dead = [replace(f, std=0.0, low=0.0, high=0.0, grad=None, grad_low=None, grad_high=None) for f in PREDICTED]
    for predicted in (dead, [layer("layers.0", None), *PREDICTED[1:]]):
        assert forecast_picture(made, Prediction(tuple(predicted))).std() > 0


def test_a_dot_lies_at_its_value() -> None:
    """Two decades in `HEIGHT` pixels, 1 in the middle; a pixel is 0.012 decades."""
    made = history(mlp(2, std=lambda i: 3.0))
    dots = painted(forecast_picture(made, Prediction(PREDICTED[:2])), ORANGE)
    dots = dots[(dots[:, 0] > ABOVE) & (dots[:, 0] < ABOVE + HEIGHT)]
    low, high = forward(made, PREDICTED[:2]).decades()
    assert high - low == pytest.approx(SPAN)
    decades = high - (dots[:, 0].mean() + 0.5 - ABOVE) / HEIGHT * (high - low)
    assert decades == pytest.approx(math.log10(3.0), abs=0.012)
    width = WIDTH - LEFT - RIGHT
    first, second = (dots[(dots[:, 1] < LEFT + width / 2) == left, 1].mean() + 0.5 for left in (True, False))
    assert (first, second) == pytest.approx((LEFT + width / 4, LEFT + 3 * width / 4), abs=1)  # pixel


@pytest.mark.parametrize(("kind", "bounded"), [("sgd", True), ("adam", False), ("adam", True)])
def test_the_green_zone_is_what_the_rule_lets_train(kind: str, bounded: bool) -> None:
    made = history(mlp(3, std=lambda i: 1.1, grad_std=lambda i: 10.0 ** (20 * i)))
    curves = backward(made, PREDICTED)
    low, high = curves.decades()
    green = painted(forecast_picture(made, Prediction(PREDICTED, kind, bounded)), ZONE)[:, 0]
    top = ABOVE + HEIGHT + BELOW + ABOVE
    ends = [high - (edge - top) / HEIGHT * (high - low) for edge in (green.max() + 1, green.min())]
    limits = [min(max(limit, low), high) for limit in limits_of(kind, bounded)]
    assert ends == pytest.approx(limits, abs=1.5 * (high - low) / HEIGHT)  # pixels


def test_what_is_bounded_is_read_back(tmp_path: Path) -> None:
    for activation, bounded in (("tanh", True), ("relu", False)):
        (tmp_path / "forecast.json").write_text(json.dumps({"activation": activation}))
        assert read_prediction(Run.lenient(tmp_path)).bounded is bounded
