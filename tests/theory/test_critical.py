"""The edge of chaos, held against its definition."""

import math

import numpy as np
import pytest
import torch

from initlab.errors import UserError
from initlab.forecasting import forecast
from initlab.forecasting.measure import measure
from initlab.init import Critical, TorchDefault
from initlab.limits import LOST
from initlab.theory import FASHION_MNIST, elementwise, moments
from initlab.theory.critical import critical_point, fixed_point
from initlab.theory.reach import DEEPEST, reach


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "identity"])
def test_chi_is_1_at_a_fixed_point_that_stays(name: str) -> None:
    phi = elementwise(name)
    point = critical_point(phi)
    m = moments(phi, np.array([point.q]))
    assert point.sigma_w**2 * m.slope_square[0] == pytest.approx(1, rel=1e-9)
    assert point.sigma_w**2 * m.square[0] + point.sigma_b**2 == pytest.approx(point.q, rel=1e-6)


def test_known_points() -> None:
    """He et al. 2015 for ReLU; the line of Schoenholz et al. 2017 for tanh passes (1.7603, 0.05)."""
    relu = critical_point(elementwise("relu"))
    assert (relu.sigma_w, relu.sigma_b) == pytest.approx((math.sqrt(2), 0.0), abs=1e-9)
    tanh = [critical_point(elementwise("tanh"), q) for q in np.linspace(0.5, 0.65, 151)]
    nearest = min(tanh, key=lambda point: abs(point.sigma_w**2 - 1.7603))
    assert nearest.sigma_b**2 == pytest.approx(0.05, abs=1e-3)


def test_none_where_there_is_none() -> None:
    with pytest.raises(UserError, match=r"init=critical: square has no critical point at any q .* repels"):
        Critical(activation=elementwise(torch.square, kinks=()))
    with pytest.raises(UserError, match=r"gelu has no critical point at q=1: .* init\.q=null"):
        Critical(activation="gelu", q=1.0)
    with pytest.raises(UserError, match=r"sigmoid has no critical point at q=1: weights that keep the gradient"):
        Critical(activation="sigmoid", q=1.0)
    with pytest.raises(UserError, match=r"init\.q=0.0: must be a number above 0"):
        Critical(activation="relu", q=0.0)


def test_a_drawn_network_keeps_its_gradient_through_30_layers() -> None:
    widths = [784, *[128] * 30, 10]
    scheme = Critical(activation="tanh")
    real = measure(scheme, "tanh", widths, FASHION_MNIST, draws=4)
    # q_1 is not yet q*, which costs a little at the beginning; N(0, 0.01) would lose 24 decades here.
    assert abs(np.log10(np.median(real.backward[:, 0]))) < 0.4
    assert forecast(scheme, "tanh", widths).verdict.word == "trains"


@pytest.mark.parametrize(
    ("name", "weight", "bias", "expected"),
    [("relu", 1.0, 0.0, 0.0), ("relu", 3.0, 0.0, math.inf), ("relu", 1.0, 0.5, 1.0), ("identity", 1.0, 0.0, 1.0)],
)
def test_fixed_points(name: str, weight: float, bias: float, expected: float) -> None:
    assert fixed_point(elementwise(name), weight, bias) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu"])
def test_xi_is_the_depth_over_which_a_signal_of_another_size_comes_back(name: str) -> None:
    """Iterated from 1 % beside q*: the distance falls by exp(-1 / xi) a layer, to the second order in 1 %."""
    phi = elementwise(name)
    point = critical_point(phi)
    q = 1.01 * point.q
    after = point.sigma_w**2 * float(moments(phi, np.array([q])).square[0]) + point.sigma_b**2
    assert (after - point.q) / (q - point.q) == pytest.approx(math.exp(-1 / point.depth_scale), abs=0.01)


def test_relu_keeps_every_size() -> None:
    assert critical_point(elementwise("relu")).depth_scale == math.inf


def test_how_deep_a_network_may_be() -> None:
    """torch's default with ReLU loses log10 sqrt(6) = 0.389 decades a layer: 2.5 of them in 6.4 layers, so 7 hidden
    layers at most, of an infinite width. Sigmoid under Kaiming's gain 1 loses more; the critical point keeps all."""
    relu = elementwise("relu")
    assert reach(TorchDefault(), relu, 10**6, "sgd") == 1 + math.floor(-LOST["sgd"] / math.log10(6**0.5))
    assert reach(TorchDefault(), relu, 10**6, "adam") == 1 + math.floor(-LOST["adam"] / math.log10(6**0.5))
    assert reach(Critical(activation="tanh"), elementwise("tanh"), 256, "sgd") == DEEPEST
    assert reach(Critical(activation="relu"), relu, 16, "sgd") < DEEPEST  # a narrow one: the draws decide
