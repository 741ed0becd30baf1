import math

import numpy as np
import pytest

from initlab.theory.correlation import correlation_depth
from initlab.theory.elementwise import elementwise

Z, W = np.polynomial.hermite_e.hermegauss(80)
W = W / W.sum()


@pytest.mark.parametrize("sigma_w", [0.8, 1.25, 1.5, 2.0])
def test_it_is_the_rate_at_which_tanhs_correlation_settles(sigma_w: float) -> None:
    """The map c -> (s^2 E[tanh u tanh v] + t^2) / q* itself, by Gauss-Hermite nodes in both directions."""
    bias = 0.05**2
    q = 1.0
    for _ in range(3000):
        q = sigma_w**2 * float(W @ np.tanh(math.sqrt(q) * Z) ** 2) + bias

    def after(c: float) -> float:
        v = math.sqrt(q) * (c * Z[:, None] + math.sqrt(max(1 - c * c, 0)) * Z)
        return (sigma_w**2 * float(W @ (np.tanh(math.sqrt(q) * Z)[:, None] * np.tanh(v)) @ W) + bias) / q

    c, apart = 0.3, []
    for _ in range(2000):
        apart.append(c)
        c = after(c)
    gone = [abs(x - c) for x in apart]
    late = next(i for i, x in enumerate(gone) if x < 1e-6)
    rate = gone[late + 3] / gone[late + 2]
    assert correlation_depth(elementwise("tanh"), sigma_w, 0.05) == pytest.approx(-1 / math.log(rate), rel=1e-3)


def test_without_a_size_that_stays_there_is_none() -> None:
    relu = elementwise("relu")
    assert math.isnan(correlation_depth(relu, 1.5, 0.1))
    assert correlation_depth(relu, 1.0, 0.0) == pytest.approx(1 / math.log(2))  # q* = 0, chi = 1/2
