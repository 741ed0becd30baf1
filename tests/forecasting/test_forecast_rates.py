"""The learning rate in the verdict: what a step does, against autograd; the curvature, against descent itself."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from initlab.composition import compose
from initlab.forecasting import Forecast, forecast
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.measure import DenseNetwork, rows_with
from initlab.forecasting.mend import changes
from initlab.forecasting.on_paper import SAME
from initlab.forecasting.rates import STEPS, Rate, Window
from initlab.forecasting.rule import NOT, SUITABLE, TRAINS, UNKNOWN, UNSURE
from initlab.init import Constant, Kaiming, Normal, Orthogonal, Scheme, TorchDefault, Xavier, initialize
from initlab.limits import TOO_FAR, TOO_LARGE, TOO_SMALL
from initlab.theory import FASHION_MNIST, Inputs, inputs_of


def deep(scheme: Scheme, activation: str, depth: int, rate: Rate | None, kind: str = "sgd") -> Forecast:
    return forecast(scheme, activation, [784, *[256] * depth, 10], kind=kind, rate=rate)


@pytest.mark.parametrize(
    ("scheme", "activation"), [(Kaiming(), "relu"), (Xavier(), "tanh"), (Normal(sigma=0.1), "gelu")]
)
def test_a_step_against_autograd(scheme: Scheme, activation: str) -> None:
    """Drawn networks: what enters each layer, the gradient of one output there, the spectral norm of the weights."""
    widths, inputs = [200, 256, 256, 10], Inputs((1.0,), 0.3, "")
    rng = torch.Generator().manual_seed(0)
    X = rows_with(inputs, 200, rng, 64).float()
    off = ~torch.eye(len(X), dtype=torch.bool)
    apart, share, push, of_adam = [], [], [], []
    for _ in range(10):
        net = DenseNetwork(widths, activation, bias=True)
        initialize(net, scheme, generator=rng)
        Z = net.outputs(X)
        gradients = torch.autograd.grad(Z[-1][:, 0].sum(), Z)
        H = [X, *(net.phi(z).detach() for z in Z[:-1])]
        products = [h @ h.T for h in H]
        slopes = [float(g.square().sum(1).mean()) for g in gradients]
        norms = [float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in net.layers]  # type: ignore[arg-type]
        shared = [float(p[off].mean()) for p in products]
        apart.append(sum((float(p.diag().mean()) - s) * g for p, s, g in zip(products, shared, slopes, strict=True)))
        share.append(sum(math.sqrt((s + 1) * g) / n for s, g, n in zip(shared, slopes, norms, strict=True)))
        differ = [float((z[:, None] - z).detach()[off].square().mean() / 2) for z in Z[:-1]]
        push.append(sum((s + 1) * math.sqrt(g / d) for s, g, d in zip(shared, slopes, differ, strict=False)))
        of_adam.append(sum(math.sqrt(n * s / max(d, 1)) for n, s, d in zip(widths, shared, differ, strict=False)))
    effects = forecast(scheme, activation, widths, inputs=inputs).effects
    assert effects is not None
    assert effects.apart == pytest.approx(np.mean(apart), rel=0.15)
    assert effects.share == pytest.approx(np.mean(share) * 2 / 256, rel=0.15)
    assert effects.push == pytest.approx(np.mean(push), rel=0.15)
    assert effects.bounded == (activation == "tanh")
    with_adam = forecast(scheme, activation, widths, inputs=inputs, kind="adam").effects
    assert with_adam is not None
    assert with_adam.push == pytest.approx(np.mean(of_adam), rel=0.15)


def test_trains_says_for_which_learning_rate() -> None:
    found = deep(Kaiming(), "gelu", 20, Rate(0.1))
    assert found.verdict.word == NOT
    assert found.verdict.says.startswith("will not train at lr 0.1: it diverges")
    assert found.verdict.other is not None
    assert deep(Kaiming(), "gelu", 20, Rate(found.verdict.other)).verdict.says.startswith(
        f"trains at lr {found.verdict.other:g}: "
    )
    assert next(changes(found)).overrides == (f"lr={found.verdict.other:g}",)
    assert deep(Kaiming(), "relu", 1, Rate(0.1)).verdict.headline == "trains at lr 0.1"
    assert deep(Kaiming(), "relu", 1, None).verdict.headline == f"trains {SUITABLE}"
    assert deep(TorchDefault(), "relu", 10, Rate(0.1)).verdict.headline == "will not train"  # whatever lr is
    assert deep(Kaiming(), "tanh", 20, Rate(3.0)).verdict.why.startswith("it saturates")
    assert deep(Kaiming(), "relu", 2, Rate(0.0)).verdict.word == NOT


def test_a_sigmoid_of_tiny_weights_does_not_train_in_an_epoch() -> None:
    """N(0, 0.01), two hidden layers: its inputs are alike by then, though the first gradient is near the last."""
    found = deep(Normal(sigma=0.01), "sigmoid", 2, Rate(0.1, steps=215))
    assert (found.verdict.word, "too small" in found.verdict.why) == (NOT, True)
    assert deep(Normal(sigma=0.01), "sigmoid", 2, Rate(0.1, steps=2150)).verdict.word == UNSURE  # .65 after 1,000
    assert deep(Normal(sigma=0.01), "sigmoid", 2, None).verdict.word != TRAINS
    for change in changes(found):
        assert change.after.verdict.word == TRAINS


def test_every_change_trains_at_the_rate_it_names() -> None:
    for rate in (Rate(0.1), Rate(1e-6), Rate(0.1, 0.9)):
        for scheme, activation, depth in (
            (Normal(), "tanh", 12),
            (Orthogonal(), "silu", 20),
            (Constant(value=0.1), "relu", 3),
        ):
            found = deep(scheme, activation, depth, rate)
            for change in changes(found):
                after = change.after
                assert after.verdict.word == TRAINS
                assert after.rate is not None
                named = [word for word in change.overrides if word.startswith("lr=")]
                usual = 0.001 if "optimizer=adam" in change.overrides else rate.lr
                assert after.rate.lr == (float(named[0][3:]) if named else usual)


def test_what_momentum_makes_of_the_limits() -> None:
    """The lower of the two upper ones counts."""
    effects = deep(Kaiming(), "relu", 3, None).effects
    assert effects is not None
    plain, heavy = effects.window("sgd"), effects.window("sgd", 0.9)
    assert plain.low / heavy.low == pytest.approx(10)
    assert plain.low * effects.apart * STEPS == pytest.approx(10 ** TOO_SMALL["sgd"])
    of_share, of_push = replace(effects, push=0.0), replace(effects, share=0.0)
    for m in (0.0, 0.9):
        assert of_share.window("sgd", m).high * of_share.share == pytest.approx((1 + m) * 10 ** TOO_LARGE["sgd"][False])
        assert of_push.window("sgd", m).high * of_push.push == pytest.approx((1 - m) * 10 ** TOO_FAR["sgd"][False])
        lower = min((of_share.window("sgd", m), of_push.window("sgd", m)), key=lambda window: window.high)
        assert effects.window("sgd", m) == replace(lower, low=effects.window("sgd", m).low)


def test_the_nearest_rate_lies_inside() -> None:
    for low, high in ((1e-5, 0.37), (0.002, 0.9), (1e-9, 1e-3)):
        window = Window(low, high, "", "sgd")
        for lr in (1e-12, 1e-4, 0.1, 1e3, None):
            near = window.nearest(lr)
            assert near is not None
            assert window.small_by(near) < -1
            assert window.large_by(near) < -1
    assert Window(0.1, 0.2, "", "sgd").nearest(0.1) is None


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_of_rows_that_are_all_the_same_there_is_nothing_to_learn(kind: str) -> None:
    """Whatever the learning rate and the optimiser are."""
    same = inputs_of(np.ones((64, 4)))
    for rate in (None, Rate(0.1)):
        found = forecast(Kaiming(), "relu", [4, 32, 32, 1], inputs=same, rate=rate, kind=kind)
        assert (found.verdict.word, found.verdict.why) == (
            UNKNOWN,
            "the inputs are all the same, so there is nothing to tell apart",
        )


@pytest.mark.parametrize(
    ("loss", "momentum"), [("half_squared_error", 0.0), ("squared_error", 0.0), ("half_squared_error", 0.9)]
)
def test_without_hidden_layers_the_curvature_decides(loss: str, momentum: float) -> None:
    """Descent on the whole of 300 correlated rows comes down below 2 (1 + m) / curvature and diverges above."""
    X = (
        torch.randn(300, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        @ torch.ones(5, 5).tril().double()
    )
    inputs = inputs_of(X)
    Z = torch.cat([X, torch.ones(300, 1)], 1)
    assert inputs.curvature == pytest.approx(float(torch.linalg.eigvalsh(Z.T @ Z / 300)[-1]), rel=1e-6)
    scale = 2.0 if loss == "squared_error" else 1.0
    limit = 2 * (1 + momentum) / (scale * inputs.curvature)
    for factor, ends in ((0.9, True), (1.1, False)):
        w = torch.ones(6, dtype=torch.float64)
        v = torch.zeros(6, dtype=torch.float64)
        for _ in range(4000):
            v = momentum * v + scale * Z.T @ (Z @ w) / 300
            w = w - factor * limit * v
        assert bool(torch.isfinite(w).all() and (w.norm() < 3)) == ends
    for factor, word in ((0.3, TRAINS), (0.7, UNSURE), (1.1, NOT)):
        rate = Rate(factor * limit, momentum, steps=10_000)
        found = forecast(Kaiming(), "identity", [5, 1], inputs=inputs, loss=loss, rate=rate)
        assert found.verdict.word == word
        assert found.verdict.other is None or found.verdict.other < limit / 2


def test_a_softmax_swings_and_never_diverges() -> None:
    widths = (784, 10)
    words = {lr: forecast(Kaiming(), "identity", widths, rate=Rate(lr)).verdict.word for lr in (1e-9, 1e-4, 0.1, 3.0)}
    assert words == {1e-9: NOT, 1e-4: UNSURE, 0.1: TRAINS, 3.0: UNSURE}
    assert math.isclose(FASHION_MNIST.curvature or 0, 301.1)


@pytest.mark.parametrize(
    ("words", "rate"),
    [
        (["lr=0.02"], Rate(0.02, 0.0, 2150)),
        (["optimizer.momentum=0.9", "trainer.max_steps=50"], Rate(0.1, 0.9, 50)),
        (["optimizer=adamw", "trainer.limit_train_batches=7"], Rate(0.001, 0.0, 70)),
        (["scheduler=cosine"], None),
        (["trainer.gradient_clip_val=1.0"], None),
        (["optimizer.weight_decay=0.1"], None),
        (["optimizer.l1=0.001"], None),
        (["model=mlp_regression", "data=synthetic_regression"], None),
        (["model=linear", "data=synthetic_regression"], Rate(0.1, 0.0, 320)),
    ],
)
def test_the_rate_is_read_from_the_config(words: list[str], rate: Rate | None) -> None:
    found = forecast_run(compose(*words, run_dir="x"))
    assert found.rate == rate
    assert (SUITABLE in found.verdict.says) == (rate is None)


@pytest.mark.parametrize("lr", [1e-5, 0.01, 0.1, 1.0, 100.0])
def test_where_no_rate_suits_none_is_blamed(lr: float) -> None:
    """Five sigmoid layers from Glorot's weights: what is large enough is too large."""
    found = deep(Xavier(), "sigmoid", 5, Rate(lr))
    assert found.verdict.word != TRAINS
    assert found.verdict.other is None
    assert re.fullmatch(r"no learning rate suits it: too small below \d+, too large above 0\.\d+", found.verdict.why)


@example(similarity=1.0, mean_square=1.0, num_inputs=1, activation="relu", kind="sgd", bias=False)  # all the same
@given(
    similarity=st.floats(-1, 1), mean_square=st.floats(1e-3, 1e3), num_inputs=st.integers(1, 50),
    activation=st.sampled_from(["relu", "tanh", "sigmoid", "gelu"]), kind=st.sampled_from(["sgd", "adam"]),
    bias=st.booleans(),
)  # fmt: skip
def test_the_limits_are_numbers_whatever_the_inputs_are(
    similarity: float, mean_square: float, num_inputs: int, activation: str, kind: str, bias: bool
) -> None:
    """Rows that point away from each other share nothing, as the columns of a small table that are centred do."""
    inputs = Inputs((mean_square,), similarity, "")
    found = forecast(Xavier(), activation, [num_inputs, 16, 16, 3], inputs=inputs, kind=kind, bias=bias)
    assert found.effects is not None
    for momentum in (0.0, 0.9):
        window = found.effects.window(kind, momentum)
        assert window.low >= 0
        assert window.high > 0 or found.verdict.why == SAME
