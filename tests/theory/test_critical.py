"""The edge of chaos, held against its definition."""

import math

import numpy as np
import pytest
import torch

from initlab.errors import UserError
from initlab.init import Critical
from initlab.theory import FASHION_MNIST, elementwise, forecast, moments
from initlab.theory.critical import critical_point, fixed_point
from initlab.theory.measure import measure


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
