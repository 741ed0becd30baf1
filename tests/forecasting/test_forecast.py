"""The answer: its words, its numbers, and what it tells to change."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from initlab.build import build
from initlab.composition import compose
from initlab.errors import UserError
from initlab.forecasting import Forecast, forecast
from initlab.forecasting.in_run import forecast_before
from initlab.forecasting.mend import MOST_THERE_ARE, _candidates, changes, most_tried
from initlab.forecasting.rates import Rate
from initlab.forecasting.rule import NOT, TRAINS, UNSURE, judge
from initlab.init import (
    LSUV,
    Constant,
    Critical,
    Identity,
    Kaiming,
    LeCun,
    Normal,
    Orthogonal,
    Scheme,
    TorchDefault,
    Xavier,
    Zeros,
    initialize,
)
from initlab.limits import EDGE, GAINED, LOST
from initlab.run import train
from initlab.theory.inputs import inputs_of


def deep(scheme: Scheme, activation: str, depth: int, kind: str = "sgd", width: int = 256) -> Forecast:
    return forecast(scheme, activation, [784, *[width] * depth, 10], kind=kind)


def test_published_fates() -> None:
    """torch's default under ReLU loses sqrt(1/6) of the gradient a layer; N(0, 0.01) loses 0.01 sqrt(256 / 2)."""
    ten = deep(TorchDefault(), "relu", 10)
    assert ten.verdict.word == NOT
    assert ten.decades == pytest.approx(9 * math.log10(6**-0.5), abs=1e-6)
    assert deep(TorchDefault(), "relu", 2).verdict.word == TRAINS
    assert deep(TorchDefault(), "relu", 10, kind="adam").verdict.word == TRAINS
    small = deep(Normal(sigma=0.01), "relu", 20)
    assert small.verdict.word == NOT
    assert small.decades == pytest.approx(19 * math.log10(0.01 * math.sqrt(128)), abs=1e-6)
    assert deep(Kaiming(), "relu", 20).decades == pytest.approx(0, abs=1e-9)
    assert deep(LeCun(), "identity", 50).verdict.word == TRAINS


def test_the_rule_and_its_edges() -> None:
    for kind in ("sgd", "adam"):
        low, high = LOST[kind], GAINED[kind]
        words = [judge(x, kind).word for x in (low - 1, low - EDGE / 2, 0.0, high + EDGE / 2, high + 1, -math.inf)]
        assert words == [NOT, UNSURE, TRAINS, UNSURE, NOT, NOT]


def test_symmetric_weights_are_said_in_words() -> None:
    for scheme in (Zeros(), Constant(value=0.1)):
        found = deep(scheme, "tanh", 3)
        assert (found.verdict.word, found.layers) == (NOT, ())
        assert "one unit" in found.verdict.why
        suited = "kaiming" if found.phi.name == "relu" else "xavier"
        assert next(changes(found)).overrides == (f"init={suited}",)
    assert deep(Zeros(), "relu", 0).verdict.word == TRAINS  # softmax regression: convex
    assert deep(Identity(), "relu", 3).verdict.word == "no forecast"


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("loss", ["cross_entropy", "half_squared_error"])
@pytest.mark.parametrize("value", [0.0, -0.0])
def test_a_constant_of_zero_is_zeros(activation: str, loss: str, value: float) -> None:
    for widths in ([3, 2], [3, 32, 2], [3, 8, 8, 8, 1], [3, 32, 10]):
        found, same = (forecast(s, activation, widths, loss=loss) for s in (Constant(value=value), Zeros()))
        assert found.verdict == same.verdict


@pytest.mark.parametrize(
    ("scheme", "activation", "word"),
    [
        (Zeros(), "relu", NOT),
        (Zeros(), "tanh", NOT),
        (Zeros(), "sigmoid", UNSURE),
        (Constant(value=0.0), "relu", NOT),
        (Constant(value=0.01), "relu", UNSURE),
    ],
)
def test_one_unit_may_do_for_a_regression_and_for_few_classes(scheme: Scheme, activation: str, word: str) -> None:
    """Zeros move only where the activation is not 0 at 0; what moves fits a line with one unit."""
    for widths, loss in (([3, 32, 1], "half_squared_error"), ([3, 32, 2], "cross_entropy")):
        found = forecast(scheme, activation, widths, loss=loss)
        assert (found.verdict.word, "one unit" in found.verdict.why) == (word, True)
    assert forecast(scheme, activation, [3, 32, 10]).verdict.word == NOT

    hidden, last = nn.Linear(3, 32), nn.Linear(32, 1)
    net = nn.Sequential(hidden, getattr(nn, {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid"}[activation])(), last)
    initialize(net, scheme)
    X = torch.randn(256, 3, generator=torch.Generator().manual_seed(0))
    y = X @ torch.tensor([[3.0], [-2.0], [0.0]]) + 50
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        loss_now = (net(X) - y).square().mean() / 2
        loss_now.backward()
        optimizer.step()
    moved = any(p.count_nonzero() for p in (*hidden.parameters(), last.weight))
    assert moved == (word == UNSURE)
    if activation == "relu" and word == UNSURE:
        assert loss_now < 0.01 * y.var() / 2


@pytest.mark.parametrize("mean", [0.0, 6.0])
def test_inputs_that_are_mostly_their_mean_are_on_the_edge(mean: float) -> None:
    """Columns six standard deviations from 0, as those of a table are: what all rows share saturates tanh."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(600) % 3
    X = torch.randn(3, 20, generator=draw)[y] / 2**0.5 + torch.randn(600, 20, generator=draw) / 2**0.5 + mean
    found = forecast(Xavier(), "tanh", [20, 64, 3], inputs=inputs_of(X.double().numpy()), rate=Rate(0.1))
    assert found.verdict.word == (UNSURE if mean else TRAINS)
    assert ("subtract their mean" in found.verdict.why) == bool(mean)

    net = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 3))
    initialize(net, Xavier(), generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for rows in torch.randperm(600, generator=draw).split(30) * 10:  # 200 steps
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
        optimizer.step()
    right = (net(X).argmax(1) == y).double().mean()
    assert right < 0.6 if mean else right > 0.9


@pytest.mark.parametrize("loss", ["half_squared_error", "squared_error"])
def test_a_regression_keeps_what_the_mean_of_its_targets_costs(tmp_path: Path, loss: str) -> None:
    outputs = [[0, 1], [2, 5], [4, 9], [6, 3]]
    words = [
        "data=truth_table",
        "data.task=regression",
        f"data.outputs={outputs}",
        "model=linear",
        f"model.loss={loss}",
    ]
    cfg = compose(*words, run_dir=tmp_path)
    data = build(cfg, "data")
    forecast_before(cfg, tmp_path, None, data)
    y = torch.tensor(outputs, dtype=torch.float64)
    mean = y.mean(0).expand_as(y)
    expected = float(nn.functional.mse_loss(mean, y)) / (2 if loss == "half_squared_error" else 1)
    assert json.loads((tmp_path / "forecast.json").read_text())["guess"] == pytest.approx(expected, rel=1e-12)


def test_the_layer_where_it_dies() -> None:
    found = deep(Normal(sigma=0.01), "relu", 12)
    factor = 0.01 * math.sqrt(128)  # 0.113 a layer: 2.25 decades after 2.4 of them, on both ways
    steps = math.ceil(LOST["sgd"] / math.log10(factor))
    lost = round(10 ** -LOST["sgd"])
    assert f"two inputs apart is down to 1/{lost} at layers.{steps};" in found.dies
    assert f"on its way back is down to 1/{lost} at layers.{11 - steps}" in found.dies
    assert deep(Kaiming(), "relu", 12).dies == ""


@pytest.mark.parametrize(
    ("scheme", "activation", "depth"),
    [(Normal(), "tanh", 20), (TorchDefault(), "relu", 10), (Xavier(), "sigmoid", 10), (Normal(sigma=1.0), "relu", 8)],
)
def test_every_change_that_is_told_mends(scheme: Scheme, activation: str, depth: int) -> None:
    """Asked anew, with all groups of inputs, where the change says what to ask."""
    found = deep(scheme, activation, depth)
    assert found.verdict.word == NOT
    told = list(changes(found))
    assert told
    schemes = {"kaiming": Kaiming(), "xavier": Xavier(), "orthogonal": Orthogonal(), "lsuv": LSUV()}
    for change in told:
        assert change.after.verdict.word == TRAINS
        words = dict(word.split("=") for word in change.overrides)
        if words.get("init", "kaiming") in schemes:
            again = deep(
                schemes[words["init"]] if "init" in words else scheme,
                words.get("model.activation", activation),
                int(words.get("model.depth", depth)),
                kind=words.get("optimizer", "sgd"),
            )
            assert again.verdict.word == TRAINS
        if "model.depth" in words:
            assert int(words["model.depth"]) < depth


def test_a_healthy_network_is_left_alone() -> None:
    assert list(changes(deep(Kaiming(), "relu", 20))) == []


def test_of_many_layers_few_changes_are_computed_and_of_too_many_none() -> None:
    """So that no question takes minutes: every candidate costs 3 ms a layer."""
    found = forecast(Normal(sigma=1.0), "tanh", [784, *[64] * 20, 10], rate=Rate(0.1))
    assert len(list(_candidates(found))) == MOST_THERE_ARE
    assert most_tried(100) >= MOST_THERE_ARE > most_tried(110)
    assert most_tried(999) == 2
    with pytest.raises(UserError, match=r"^1,001 hidden layers: the forecast is for at most 1,000$"):
        deep(Kaiming(), "relu", 1001)


def test_sigmoid_is_mended_by_the_edge_of_chaos_only() -> None:
    assert next(c.overrides for c in changes(deep(Kaiming(), "sigmoid", 20))) == ("init=critical",)
    assert deep(Critical(activation="sigmoid"), "sigmoid", 20).verdict.word == TRAINS


def test_a_function_of_your_own() -> None:
    own = forecast(Kaiming(), lambda z: z.clamp(min=0), [784, 256, 256, 10])
    named = forecast(Kaiming(), "relu", [784, 256, 256, 10])
    np.testing.assert_allclose([x.std for x in own.layers], [x.std for x in named.layers], rtol=1e-6)


def test_the_record_is_plain() -> None:
    record = deep(Kaiming(), "gelu", 3).record()
    assert json.loads(json.dumps(record)) == record
    assert [layer["name"] for layer in record["layers"]] == ["layers.0", "layers.1", "layers.2", "layers.3"]


def test_a_network_without_outputs_is_refused() -> None:
    with pytest.raises(UserError, match=r"widths=\[784\]"):
        forecast(Kaiming(), "relu", [784])


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (lambda: math.exp(1e6), "none: its numbers leave the range"),
        (lambda: math.sqrt(-1), "none: an error of its own, ValueError"),
    ],
)
def test_a_forecast_that_fails_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: Any, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("initlab.forecasting.in_run.forecast_run", lambda *_: fails())
    words = ("model=linear", "data=synthetic_regression", "trainer=cpu", "threads=1", "trainer.max_epochs=1")
    train(compose(*words, "data.num_train=64", run_dir="."))  # the folder that one is in
    assert f"forecast  {says}" in capsys.readouterr().out
    assert (tmp_path / "summary.json").exists()
