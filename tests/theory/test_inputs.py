"""The moments of the data, against the data."""

import numpy as np
import pytest

from initlab.data.fashion_mnist.sources import load_fashion_mnist
from initlab.errors import UserError
from initlab.theory import FASHION_MNIST, FASHION_MNIST_RAW, inputs_of


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


def test_moments_of_rows() -> None:
    X = np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 0.0]])
    found = inputs_of(X)
    assert found.squares == (1.0, 1.0, 2.0)
    # x.x' of the three pairs: 0, 2, 2; mean of |x|^2: 8/3
    assert found.similarity == pytest.approx((4 / 3) / (8 / 3))
    wide = inputs_of(np.pad(X, ((0, 0), (0, 7))))  # more numbers than rows
    assert found.overlap == wide.overlap == pytest.approx((0 + 4 + 4) / 3 / (8 / 3) ** 2)
