"""The moments of the data, against the data."""

import numpy as np
import pytest
from scipy import stats

from initlab.data.fashion_mnist.sources import load_fashion_mnist
from initlab.errors import UserError
from initlab.theory import FASHION_MNIST, FASHION_MNIST_RAW, inputs_of, standard_normal


def test_the_shipped_moments_are_those_of_the_images() -> None:
    try:
        images = load_fashion_mnist("data").train_images.reshape(60_000, -1) / np.float32(255)
    except UserError as error:
        pytest.skip(str(error))
    for shipped, X in ((FASHION_MNIST, (images - 0.2860) / 0.3530), (FASHION_MNIST_RAW, images)):
        found = inputs_of(X)
        np.testing.assert_allclose(shipped.squares, found.squares, atol=2e-4)
        # 200,000 pairs: standard error 0.26 / sqrt(2e5) = 6e-4.
        assert shipped.similarity == pytest.approx(found.similarity, abs=3e-3)
        assert shipped.overlap == pytest.approx(found.overlap, abs=1e-4)
        assert shipped.columns == pytest.approx(found.columns, abs=1e-3)


@pytest.mark.parametrize("num_inputs", [1, 2, 20, 784])
def test_moments_of_standard_normal_rows(num_inputs: int) -> None:
    """|x|^2 is chi-squared, of which SciPy knows the quantiles; and a sample agrees."""
    given = standard_normal(num_inputs)
    between = stats.chi2.ppf(np.linspace(0, 1, len(given.squares) + 1), num_inputs)
    of_rows = np.diff(stats.chi2.cdf(between, num_inputs + 2))  # E[|x|^2 / n; |x|^2 < t] = P(chi2_{n+2} < t)
    np.testing.assert_allclose(given.squares, of_rows * len(given.squares), rtol=1e-9)
    found = inputs_of(np.random.default_rng(0).standard_normal((20_000, num_inputs)))
    np.testing.assert_allclose(given.squares, found.squares, rtol=0.05, atol=0.01)  # of 1,250 rows each
    assert given.columns == pytest.approx(found.columns, abs=1e-3)
    assert given.overlap == pytest.approx(found.overlap, abs=0.02)


def test_moments_of_rows() -> None:
    X = np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 0.0]])
    found = inputs_of(X)
    assert found.squares == (1.0, 1.0, 2.0)
    # x.x' of the three pairs: 0, 2, 2; mean of |x|^2: 8/3
    assert found.similarity == pytest.approx((4 / 3) / (8 / 3))
    assert found.columns == pytest.approx((2**2 + (2 / 3) ** 2) / 2 / (4 / 3) ** 2)  # mean squares 2 and 2/3
    wide = inputs_of(np.pad(X, ((0, 0), (0, 7))))  # more numbers than rows
    assert found.overlap == wide.overlap == pytest.approx((0 + 4 + 4) / 3 / (8 / 3) ** 2)
