"""TF32 on a CPU: what the numbers round to, and which products are made of rounded numbers."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from initlab.composition import compose
from initlab.run import train


def nearest(x: float) -> float:
    """The nearest multiple of the spacing 2^(e - 10) of numbers with 10 bits after the point, of two the even one."""
    if x == 0 or not math.isfinite(x):
        return x
    exponent = max(math.frexp(x)[1] - 1, -126)  # below 2^-126 numbers lie as dense as just above
    spacing = Fraction(2) ** (exponent - 10)
    value = round(Fraction(x) / spacing) * spacing
    return math.copysign(math.inf if abs(value) >= 2**128 else float(value), x)


ENDS = st.integers(0, 2**13 - 1) | st.sampled_from([0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF])  # 0x1000 is a tie
PATTERNS = st.builds(lambda kept, end: kept << 13 | end, st.integers(0, 2**19 - 1), ENDS)


SPECIAL = [  # inf, nan that carrying would make inf or 0, the largest, -0, the smallest
    0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F7FFFFF, 0x80000000, 1
]  # fmt: skip


@example(SPECIAL)
@given(st.lists(PATTERNS | st.sampled_from(SPECIAL), min_size=1))
def test_a_number_becomes_the_nearest_that_tf32_has(patterns: list[int]) -> None:
    """Of any sign and size, subnormal, inf and nan; to the bit."""
    from benchmarks.tf32 import rounded

    x = np.array(patterns, dtype=np.uint32).view(np.float32)
    got = rounded(torch.from_numpy(x.copy())).numpy()
    with np.errstate(over="ignore"):
        expected = np.where(np.isfinite(x), [nearest(float(number)) for number in x], x).astype(np.float32)
    numbers = ~np.isnan(x)
    assert np.array_equal(got.view(np.uint32)[numbers], expected.view(np.uint32)[numbers])
    assert np.isnan(got[~numbers]).all()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def off_by(a: Tensor) -> float:
    """The mean square of the rounding error of these numbers: spacing^2 / 12."""
    _, exponents = np.frexp(a.double().numpy())
    return float((4.0 ** (exponents - 1 - 10)).mean() / 12)


def test_a_product_is_off_by_what_ten_bits_are() -> None:
    from benchmarks.tf32 import TF32

    a, b = draw(80, 1000), draw(1000, 90, seed=1)
    exact = a.double() @ b.double()
    with TF32() as mode:
        error = (torch.mm(a, b) - exact).square().mean().item()
    expected = 1000 * (off_by(a) * b.square().mean().item() + off_by(b) * a.square().mean().item())
    assert error == pytest.approx(expected, rel=0.1)  # 7,200 entries of 170 independent rows and columns
    assert (torch.mm(a, b) - exact).square().mean().item() < expected / 1e4  # out of it: float32
    assert mode.products == 1


def test_what_needs_no_rounding_is_exact() -> None:
    """Whole numbers up to 2^11 have 11 bits, the first of which is not stored."""
    from benchmarks.tf32 import TF32

    a, b = (torch.randint(-999, 1000, shape, generator=torch.Generator().manual_seed(0)) for shape in ((7, 8), (8, 9)))
    with TF32():
        assert torch.equal(a.float() @ b.float(), (a @ b).float())  # below 2^24


@pytest.mark.parametrize("mode_of_grad", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_every_form_of_a_product_is_rounded(mode_of_grad: Any) -> None:
    """In inference mode torch hands over `linear` and `matmul` whole."""
    from benchmarks.tf32 import TF32, rounded

    X, W, b, out = draw(5, 40), draw(6, 40, seed=1), draw(6, seed=2), torch.empty(5, 6)
    product = rounded(X) @ rounded(W).T
    with mode_of_grad(), TF32() as mode:
        got = [
            X @ W.T, torch.mm(X, W.T, out=out), F.linear(X, W), torch.bmm(X[None], W.T[None])[0],
            F.linear(X, W, b) - b, torch.addmm(b, X, W.T) - b, torch.zeros(5, 6).addmm_(X, W.T),
            torch.baddbmm(b, X[None], W.T[None])[0] - b, torch.zeros(1, 5, 6).baddbmm_(X[None], W.T[None])[0],
        ]  # fmt: skip
    assert mode.products == len(got)
    for result in got:
        torch.testing.assert_close(result, product, rtol=0, atol=2e-5)  # float32's sums of 40; unrounded: 5e-3 off
    assert (X @ W.T - product).abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_products_of_other_types_are_left_alone(dtype: torch.dtype) -> None:
    from benchmarks.tf32 import TF32

    a, b = draw(4, 5).to(dtype), draw(5, 6).to(dtype)
    with TF32() as mode:
        assert torch.equal(a @ b, torch.mm(a, b))
    assert mode.products == 0


def test_the_backward_pass_is_rounded_too() -> None:
    """d (c . X W) / dW = X^T c and / dX = c W^T, each of rounded factors."""
    from benchmarks.tf32 import TF32, rounded

    X, W, c = draw(50, 30).requires_grad_(), draw(30, 20, seed=1).requires_grad_(), draw(50, 20, seed=2)
    with TF32() as mode:
        (X @ W).backward(c)
    assert mode.products == 3
    with torch.no_grad():
        for gradient, a, b in ((W.grad, X.T, c), (X.grad, c, W.T)):
            torch.testing.assert_close(gradient, rounded(a) @ rounded(b), rtol=0, atol=2e-5)
            assert (gradient - a @ b).abs().max() > 1e-3


def test_a_whole_run_is_made_of_rounded_products_whatever_watches_it(tmp_path: Path) -> None:
    """Three layers, two epochs of 4 + 1 batches: 3 products forward, 5 backward; and the one that makes the data."""
    from benchmarks.tf32 import TF32

    words = (
        "data=synthetic_regression", "model=mlp_regression", "model.num_hiddens=[8,8]", "data.num_train=290",
        "data.batch_size=64", "trainer=cpu", "threads=1", "trainer.max_epochs=2", "trainer.limit_val_batches=0",
        "trainer.limit_test_batches=0", "monitor=train/loss",
    )  # fmt: skip
    quick = ("callbacks=none", "logger=none")
    weights, products = [], []
    for name, more in {"watched": (), "quick": quick, "one": (*quick, "steps_per_execution=1")}.items():
        with TF32() as mode:
            model = train(compose(*words, *more, run_dir=tmp_path / name)).model
        weights.append(model.state_dict())
        products.append(mode.products)
    for name, weight in weights[0].items():
        assert torch.equal(weights[1][name], weight)
        assert torch.equal(weights[2][name], weight)
    assert products == [2 * 5 * (3 + 5) + 1] * 3
