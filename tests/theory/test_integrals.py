"""Gaussian integrals against closed forms and adaptive quadrature."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from initlab.errors import UserError
from initlab.nn import ACTIVATIONS
from initlab.theory import decorrelation, elementwise, moments, pair

Q = np.array([1e-30, 1e-8, 1e-3, 0.1, 1.0, 3.0, 10.0, 100.0, 1e4, 1e8])
CLOSE = 1e-6  # relative; what the forecast promises
sizes = st.floats(1e-3, 1e3)
correlations = st.floats(-0.999, 0.999)


def erf(z: torch.Tensor) -> torch.Tensor:
    return torch.erf(z)


def test_relu() -> None:
    """Half of each even moment of N(0, q): q / 2, 3 q^2 / 2."""
    m = moments(elementwise("relu"), Q)
    np.testing.assert_allclose(m.mean, np.sqrt(Q / (2 * math.pi)), rtol=CLOSE)
    np.testing.assert_allclose(m.square, Q / 2, rtol=CLOSE)
    np.testing.assert_allclose(m.kurtosis, 6, rtol=CLOSE)
    np.testing.assert_allclose(m.slope_square, 0.5, rtol=CLOSE)
    np.testing.assert_allclose(m.slope_kurtosis, 2, rtol=CLOSE)
    np.testing.assert_allclose(m.sensitivity, 1, rtol=CLOSE)


def test_leaky_relu_and_identity() -> None:
    leaky, identity = moments(elementwise("leaky_relu"), Q), moments(elementwise("identity"), Q)
    np.testing.assert_allclose(leaky.square, Q * (1 + 0.01**2) / 2, rtol=CLOSE)
    np.testing.assert_allclose(leaky.slope_square, (1 + 0.01**2) / 2, rtol=CLOSE)
    np.testing.assert_allclose(identity.square, Q, rtol=CLOSE)
    np.testing.assert_allclose(identity.kurtosis, 3, rtol=CLOSE)
    np.testing.assert_allclose(identity.mean, np.zeros_like(Q), atol=1e-9)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("q", [0.01, 1.3, 50.0, 1e5])
def test_every_activation_by_adaptive_quadrature(name: str, q: float) -> None:
    """SciPy's QUADPACK on [-12, 12], beyond which the normal density is under 1e-31, broken at kink and bends."""
    phi, root = elementwise(name), math.sqrt(q)
    points = [0.0, *(side * u / root for u in (3, 40) if u < 12 * root for side in (-1, 1))]

    def expectation(f: Callable[[float], float]) -> float:
        density = lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
        return float(quad(lambda z: f(z * root) * density(z), -12, 12, points=points, limit=200)[0])

    value, slope = (lambda u, f=f: f(np.array([u]))[0] for f in (phi.value, phi.derivative))
    m = moments(phi, np.array([q]))
    assert m.mean[0] == pytest.approx(expectation(value), rel=CLOSE, abs=CLOSE * root)
    assert m.square[0] == pytest.approx(expectation(lambda u: value(u) ** 2), rel=CLOSE)
    assert m.slope_square[0] == pytest.approx(expectation(lambda u: slope(u) ** 2), rel=CLOSE)


def test_erf() -> None:
    """Williams (1997): E[erf(u) erf(v)] = 2/pi asin(2 q12 / (1 + 2 q)); E[erf'^2] = 4/pi / sqrt(1 + 4 q)."""
    m = moments(elementwise(erf, kinks=()), Q)
    np.testing.assert_allclose(m.square, 2 / math.pi * np.arcsin(2 * Q / (1 + 2 * Q)), rtol=CLOSE)
    np.testing.assert_allclose(m.slope_square, 4 / math.pi / np.sqrt(1 + 4 * Q), rtol=CLOSE)
    np.testing.assert_allclose(m.slope_sensitivity, -2 * Q / (1 + 4 * Q), rtol=CLOSE, atol=CLOSE)


@settings(max_examples=60)
@given(q=sizes, c=correlations)
def test_pairs_through_relu(q: float, c: float) -> None:
    """Cho and Saul (2009): q / (2 pi) (sin t + (pi - t) cos t), cos t = c."""
    t = math.acos(c)
    exact = q / (2 * math.pi) * (math.sin(t) + (math.pi - t) * c)
    assert pair(elementwise("relu"), q, c) == pytest.approx(exact, rel=CLOSE, abs=CLOSE * q)


@settings(max_examples=60)
@given(q=sizes, c=correlations)
def test_pairs_through_erf(q: float, c: float) -> None:
    exact = 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))
    assert pair(elementwise(erf, kinks=()), q, c) == pytest.approx(exact, rel=CLOSE, abs=3 * CLOSE)


@pytest.mark.parametrize("d", [1e-12, 1e-8, 1e-4])
def test_inputs_that_are_nearly_alike_keep_their_digits(d: float) -> None:
    """E[relu^2] - E[relu relu] = q (pi d - (sin t - t cos t)) / (2 pi), sin t - t cos t = t^3 / 3 - t^5 / 30 + ..."""
    t = 2 * math.asin(math.sqrt(d / 2))
    exact = 2.5 * (math.pi * d - (t**3 / 3 - t**5 / 30)) / (2 * math.pi)
    assert decorrelation(elementwise("relu"), 2.5, d) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_against_a_fine_sum(name: str) -> None:
    """The trapezoidal rule on a million points: its error is h^2 at a kink, 1e-9 here."""
    z = np.linspace(-9, 9, 1_000_001)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    phi = elementwise(name)
    for q in (0.02, 1.0, 30.0):
        m, value, slope = moments(phi, np.array([q])), phi.value(z * math.sqrt(q)), phi.derivative(z * math.sqrt(q))
        assert m.square[0] == pytest.approx((value**2 * density).sum(), rel=CLOSE)
        assert m.slope_square[0] == pytest.approx((slope**2 * density).sum(), rel=2e-5)  # a jump: h
        assert m.sensitivity[0] == pytest.approx(
            math.sqrt(q) * (z * value * slope * density).sum() / m.square[0], rel=2e-5
        )


def test_a_function_of_your_own_is_as_good_as_a_named_one() -> None:
    own, named = elementwise(lambda z: z.clamp(min=0)), elementwise("relu")
    for field in ("mean", "square", "kurtosis", "slope_square", "sensitivity"):
        np.testing.assert_allclose(getattr(moments(own, Q), field), getattr(moments(named, Q), field), rtol=CLOSE)
    assert own.gain == pytest.approx(math.sqrt(2), rel=CLOSE)
    given = elementwise(lambda z: z**3, derivative=lambda z: 3 * z**2)
    assert moments(given, np.ones(1)).square[0] == pytest.approx(15, rel=CLOSE)  # E[z^6]
    assert moments(given, np.ones(1)).slope_square[0] == pytest.approx(27, rel=CLOSE)  # 9 E[z^4]


def test_a_signal_of_zero_and_a_function_without_moments() -> None:
    m = moments(elementwise("sigmoid"), np.zeros(1))
    assert (m.square[0], m.slope_square[0]) == pytest.approx((0.25, 1 / 16))
    assert decorrelation(elementwise("relu"), 0.0, 0.5) == 0.0
    assert math.isnan(moments(elementwise(torch.exp), np.array([50.0])).square[0])


@pytest.mark.parametrize("q", [0.3, 1.0, 30.0, 400.0, 1e4])
def test_an_oscillation_gets_as_many_panels_as_it_has_turns(q: float) -> None:
    """E[sin^2] = (1 - e^-2q) / 2, E[cos^2] = (1 + e^-2q) / 2, E[sin u sin v] = e^-q sinh(q c)."""
    phi = elementwise(torch.sin)
    m = moments(phi, np.array([q]))
    assert m.square[0] == pytest.approx(-math.expm1(-2 * q) / 2, rel=CLOSE)
    assert m.slope_square[0] == pytest.approx((1 + math.exp(-2 * q)) / 2, rel=CLOSE)
    for d in (1e-4, 0.1, 0.5):
        exact = (-math.expm1(-2 * q) - math.exp(-q * d) + math.exp(-q * (2 - d))) / 2
        assert decorrelation(phi, q, d) == pytest.approx(exact, rel=1e-5)


@settings(max_examples=10, deadline=None)
@example(kink=0.00390625, q=1.0)  # next to where a panel begins
@example(kink=-1e-6, q=3.0)
@given(kink=st.floats(-3, 3), q=st.floats(0.1, 30))
def test_kinks_and_steps_that_nobody_named(kink: float, q: float) -> None:
    """relu(z - k) is the partial moments of a normal number beyond k, a step its distribution function."""
    k = kink / math.sqrt(q)
    tail, density = math.erfc(k / math.sqrt(2)) / 2, math.exp(-k * k / 2) / math.sqrt(2 * math.pi)
    shifted = moments(elementwise(lambda z: torch.relu(z - kink)), np.array([q]))
    assert shifted.square[0] == pytest.approx(q * ((1 + k * k) * tail - k * density), rel=CLOSE)
    assert shifted.slope_square[0] == pytest.approx(tail, rel=CLOSE)
    step = moments(elementwise(lambda z: (z > kink).to(z.dtype)), np.array([q]))
    assert step.square[0] == pytest.approx(tail, rel=CLOSE)


def test_pairs_through_a_kink_that_nobody_named_are_those_of_the_named_one() -> None:
    hidden = elementwise(lambda z: torch.relu(z - 1.3) + torch.relu(-z - 2.0))
    named = elementwise(lambda z: torch.relu(z - 1.3) + torch.relu(-z - 2.0), kinks=(1.3, -2.0))
    for q, d in ((0.3, 0.3), (9.0, 0.01), (100.0, 0.7)):
        z = np.random.default_rng(0).standard_normal((2, 400_000)) * math.sqrt(q)
        u, v = z[0], (1 - d) * z[0] + math.sqrt(d * (2 - d)) * z[1]
        sample = (named.value(u) - named.value(v)) ** 2 / 2
        found = decorrelation(hidden, q, d)
        assert found == pytest.approx(decorrelation(named, q, d), rel=1e-5)
        assert found == pytest.approx(sample.mean(), abs=4 * sample.std() / math.sqrt(len(u)))


def test_what_changes_too_fast_is_refused_with_the_error_that_was_reached() -> None:
    phi = elementwise(lambda z: torch.sin(1e4 * z))
    with pytest.raises(UserError, match=r"changes too fast .* input has std 100, which are known to [\d.]+% only"):
        moments(phi, np.array([1e4]))
