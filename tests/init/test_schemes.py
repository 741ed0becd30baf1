"""Each scheme against the std it promises, against torch.nn.init, and against its definition."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import init as torch_init

from initlab.errors import UserError
from initlab.init import (
    Constant,
    Identity,
    Kaiming,
    LeCun,
    Normal,
    Orthogonal,
    Scheme,
    Sparse,
    TorchDefault,
    TruncatedNormal,
    Uniform,
    Xavier,
    Zeros,
)

SHAPE = (200, 300)  # fan_out, fan_in
GAIN = 1.7  # of an imaginary activation


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(scheme: Scheme, shape: tuple[int, int] = SHAPE, gain: float = GAIN, seed: int = 0) -> Tensor:
    weight = torch.full(shape, math.nan)
    scheme.weight_(weight, gain, seeded(seed))
    return weight


NORMAL, UNIFORM = 3.0, 9 / 5  # kurtosis E[(x - mean)^4] / var^2
# scheme, the variance of an entry by the formula of the paper, kurtosis
INDEPENDENT: list[tuple[Scheme, float, float]] = [
    (Normal(sigma=0.3), 0.3**2, NORMAL),
    (Uniform(bound=0.3), 0.3**2 / 3, UNIFORM),
    # E[z^2] and E[z^4] for |z| <= 2 by parts: 0.77374 and 1.41618.
    (TruncatedNormal(sigma=0.3), 0.77374 * 0.3**2, 1.41618 / 0.77374**2),
    (LeCun(), 1 / 300, NORMAL),
    (LeCun(distribution="uniform"), 1 / 300, UNIFORM),
    (Xavier(), 2 / 500, NORMAL),
    (Xavier(distribution="uniform", gain=5 / 3), 2 / 500 * 25 / 9, UNIFORM),
    (Xavier(gain=None), 2 / 500 * GAIN**2, NORMAL),
    (Kaiming(), GAIN**2 / 300, NORMAL),
    (Kaiming(distribution="uniform", gain=1.0), 1 / 300, UNIFORM),
    (Kaiming(mode="fan_out"), GAIN**2 / 200, NORMAL),
    # Each column of 200 keeps 20 numbers, so a tenth of the entries is normal and the rest 0.
    (Sparse(sparsity=0.9, sigma=0.3), 0.3**2 / 10, NORMAL * 10),
    (TorchDefault(), 1 / 900, UNIFORM),
]
OTHERS: list[Scheme] = [Zeros(), Constant(value=0.2), Orthogonal(), Orthogonal(gain=0.5), Identity()]
every_scheme = pytest.mark.parametrize("scheme", [s for s, _, _ in INDEPENDENT] + OTHERS, ids=str)


@pytest.mark.parametrize(("scheme", "variance", "kurtosis"), INDEPENDENT, ids=lambda v: str(v))
def test_promised_and_drawn_std(scheme: Scheme, variance: float, kurtosis: float) -> None:
    """n draws give the sample std a standard error of std sqrt((kurtosis - 1) / 4n), which is std / sqrt(2n) for a
    normal distribution; five of them. Their mean is 0 within five of std / sqrt(n)."""
    fan_out, fan_in = SHAPE
    promised = scheme.weight_std(fan_in, fan_out, GAIN)
    assert promised == pytest.approx(math.sqrt(variance), rel=1e-5)
    weight = draw(scheme).double()
    n = weight.numel()
    assert scheme.excess_kurtosis(fan_in, fan_out) == pytest.approx(kurtosis - 3, abs=1e-4)
    assert abs(weight.std().item() - promised) < 5 * promised * math.sqrt((kurtosis - 1) / (4 * n))
    assert abs(weight.mean().item()) < 5 * promised / math.sqrt(n)
    # The fourth moment tells one shape from another of the same std; within a fifth of itself here.
    assert (weight**4).mean().item() / promised**4 == pytest.approx(kurtosis, rel=0.2)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (1, 3)])
@pytest.mark.parametrize("scheme", [Zeros(), Constant(value=0.2), Identity()], ids=str)
def test_promised_std_of_schemes_without_chance(scheme: Scheme, shape: tuple[int, int]) -> None:
    drawn = draw(scheme, shape).double().std(correction=0).item()
    assert scheme.weight_std(shape[1], shape[0], GAIN) == pytest.approx(drawn, abs=1e-8)


def of_normal_numbers(weight: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    z = torch.empty_like(weight).normal_(generator=generator).double()
    return weight.copy_(low + (high - low) * torch.special.ndtr(z))


TORCHS: list[tuple[Scheme, Callable[[Tensor, torch.Generator], Any]]] = [
    (Zeros(), lambda w, g: torch_init.zeros_(w)),
    (Constant(value=0.2), lambda w, g: torch_init.constant_(w, 0.2)),
    (Identity(), lambda w, g: torch_init.eye_(w)),
    (Normal(sigma=0.3), lambda w, g: torch_init.normal_(w, 0, 0.3, generator=g)),
    (Uniform(bound=0.3), lambda w, g: torch_init.uniform_(w, -0.3, 0.3, generator=g)),
    (Xavier(gain=1.3), lambda w, g: torch_init.xavier_normal_(w, 1.3, generator=g)),
    (Xavier(distribution="uniform"), lambda w, g: torch_init.xavier_uniform_(w, generator=g)),
    (Kaiming(gain=2**0.5), lambda w, g: torch_init.kaiming_normal_(w, generator=g)),
    (
        Kaiming(distribution="uniform", mode="fan_out", gain=(2 / 1.04) ** 0.5),
        lambda w, g: torch_init.kaiming_uniform_(w, a=0.2, mode="fan_out", generator=g),
    ),
    (Orthogonal(gain=1.3), lambda w, g: torch_init.orthogonal_(w, 1.3, generator=g)),
    (TorchDefault(), lambda w, g: torch_init.kaiming_uniform_(w, a=math.sqrt(5), generator=g)),
]


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (7, 7)])
@pytest.mark.parametrize(("scheme", "torchs"), TORCHS, ids=lambda v: str(v) if isinstance(v, Scheme) else "")
def test_equal_to_torchs_from_the_same_generator(
    scheme: Scheme,
    torchs: Callable[[Tensor, torch.Generator], Any],
    shape: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torch has its bounds, ours the quantiles: of normal numbers, so that schemes share them."""
    monkeypatch.setattr(Tensor, "uniform_", of_normal_numbers)
    expected = torch.empty(shape)
    torchs(expected, seeded(3))
    # Same draws; the scale may be rounded once more or less, and erf in float32 is right to some units of 6e-8.
    torch.testing.assert_close(draw(scheme, shape, seed=3), expected, rtol=1e-6, atol=0)


def test_a_uniform_draw_follows_its_distribution_function() -> None:
    """Kolmogorov's statistic as below."""
    u = (draw(Uniform(bound=0.3)).double() / 0.3).flatten().sort().values
    sampled = torch.arange(1, len(u) + 1) / len(u)
    assert u.abs().max().item() <= 1
    assert math.sqrt(len(u)) * (sampled - (u + 1) / 2).abs().max().item() < 2


def test_truncated_normal_follows_its_distribution_function() -> None:
    """Kolmogorov's statistic sqrt(n) sup |F_n - F| is above 2 with a probability of 2 exp(-8) = 0.0007."""
    z = (draw(TruncatedNormal(sigma=0.3)).double() / 0.3).flatten().sort().values
    assert z.abs().max().item() <= 2 + 1e-6
    expected = (torch.special.ndtr(z) - 0.0227501) / (1 - 2 * 0.0227501)  # P(z < -2) = 0.02275
    sampled = torch.arange(1, len(z) + 1) / len(z)
    assert math.sqrt(len(z)) * (sampled - expected).abs().max().item() < 2


@settings(max_examples=40)
@given(fan_out=st.integers(1, 40), fan_in=st.integers(1, 40), gain=st.floats(0.1, 3))
def test_orthogonal_has_equal_singular_values(fan_out: int, fan_in: int, gain: float) -> None:
    weight = draw(Orthogonal(), (fan_out, fan_in), gain).double()
    gram = weight @ weight.T if fan_out <= fan_in else weight.T @ weight
    # Q is orthonormal to a few float32 steps of 1.2e-7 for each of up to 40 terms.
    torch.testing.assert_close(gram / gain**2, torch.eye(len(gram), dtype=gram.dtype), rtol=0, atol=1e-5)
    rms = weight.square().mean().sqrt().item()  # exact: the squares of each row (or column) sum to gain^2
    assert Orthogonal().weight_std(fan_in, fan_out, gain) == pytest.approx(rms, rel=1e-5)


def test_orthogonal_is_uniform_over_rotations() -> None:
    """Without the signs of R the first entry of Q would never be positive; the trace of a uniform Q has mean 0 and
    variance 1 (Diaconis and Shahshahani 1994), so 400 of them average to 0 within five times 1 / 20."""
    Q = torch.stack([draw(Orthogonal(gain=1.0), (6, 6), seed=seed) for seed in range(400)])
    traces = Q.diagonal(dim1=1, dim2=2).sum(dim=1)
    assert abs(traces.mean().item()) < 5 / 20
    assert 150 < int((Q[:, 0, 0] > 0).sum()) < 250  # of 400, five standard deviations of 10


@given(fan_out=st.integers(1, 60), fan_in=st.integers(1, 20), sparsity=st.floats(0, 1))
def test_every_column_of_a_sparse_weight_has_its_zeros(fan_out: int, fan_in: int, sparsity: float) -> None:
    weight = draw(Sparse(sparsity=sparsity, sigma=1.0), (fan_out, fan_in))
    expected = torch.empty(fan_out, fan_in)
    torch_init.sparse_(expected, sparsity, std=1.0)
    assert torch.equal((weight == 0).sum(dim=0), (expected == 0).sum(dim=0))


def test_zeros_of_a_sparse_weight_lie_anywhere() -> None:
    """Each of 8 rows holds half of 4000 columns' zeros: a binomial count with a std of sqrt(1000) = 32."""
    zeros = (draw(Sparse(sparsity=0.5), (8, 4000)) == 0).sum(dim=1)
    assert (zeros - 2000).abs().max().item() < 5 * 32


def test_torch_default_draws_biases_too_and_the_others_zero_them() -> None:
    bias = torch.full((40_000,), math.nan)
    TorchDefault().bias_(bias, 300, seeded())
    promised = TorchDefault().bias_std(300)
    assert promised == pytest.approx(1 / 30)
    assert abs(bias.std().item() - promised) < 5 * promised * math.sqrt((UNIFORM - 1) / (4 * 40_000))
    for scheme in [Kaiming(), Orthogonal(), Zeros(), Constant(value=0.2)]:
        bias = torch.full((7,), math.nan)
        scheme.bias_(bias, 300, seeded())
        assert torch.equal(bias, torch.zeros(7))
        assert scheme.bias_std(300) == 0


SCALED = [Normal(sigma=0.3), Uniform(bound=0.3), LeCun(), Xavier(), Kaiming(), Orthogonal(), TorchDefault()]


@settings(max_examples=60)
@given(
    scheme=st.sampled_from(SCALED),
    fan_out=st.integers(16, 80),
    fan_in=st.integers(16, 80),
    gain=st.floats(0.5, 2),
    seed=st.integers(0, 2**32),
)
def test_any_shape_keeps_the_promise(scheme: Scheme, fan_out: int, fan_in: int, gain: float, seed: int) -> None:
    """The root mean square within 6.5 standard errors, as hypothesis may try very many seeds."""
    weight = draw(scheme, (fan_out, fan_in), gain, seed)
    promised = scheme.weight_std(fan_in, fan_out, gain)
    rms = weight.double().square().mean().sqrt().item()
    assert abs(rms - promised) < 6.5 * promised / math.sqrt(2 * weight.numel())


@every_scheme
def test_the_generator_alone_decides(scheme: Scheme) -> None:
    state = torch.get_rng_state()
    first, again, other = (draw(scheme, (40, 8), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)  # torch's global generator was not touched
    assert torch.equal(first, again)
    assert torch.equal(first, other) == isinstance(scheme, Zeros | Constant | Identity)
    assert first.isfinite().all()


@pytest.mark.parametrize(
    ("scheme", "label"),
    [
        (Zeros(), "zeros"),
        (Constant(value=0.2), "constant 0.2"),
        (Normal(), "normal, sigma 0.01"),
        (Uniform(bound=0.3), "uniform, bound 0.3"),
        (TruncatedNormal(sigma=0.3), "truncated normal, sigma 0.3, cut at 2 sigma"),
        (LeCun(distribution="uniform"), "lecun uniform"),
        (Xavier(), "xavier normal, gain 1"),
        (Kaiming(), "kaiming normal, fan_in, gain of the activation"),
        (Kaiming(gain=2**0.5), "kaiming normal, fan_in, gain 1.41"),
        (Orthogonal(gain=0.5), "orthogonal, gain 0.5"),
        (Sparse(sparsity=0.9), "sparse, 90% zeros, sigma 0.01"),
        (Identity(), "identity"),
        (TorchDefault(), "torch default"),
    ],
)
def test_labels(scheme: Scheme, label: str) -> None:
    assert str(scheme) == label


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Constant(value=math.nan), r"init\.value=nan: must be a number"),
        (lambda: Normal(sigma=-1.0), r"init\.sigma=-1\.0: must be a number of at least 0"),
        (lambda: TruncatedNormal(sigma=-1.0), r"init\.sigma=-1\.0: must be"),
        (lambda: Uniform(bound=math.inf), r"init\.bound=inf: must be"),
        (lambda: LeCun(distribution="nromal"), r"init\.distribution=nromal: .*uniform.*did you mean normal\?"),
        (lambda: Xavier(gain=-1.0), r"init\.gain=-1\.0: must be"),
        (lambda: Kaiming(mode="fan_on"), r"init\.mode=fan_on: .*fan_out.*did you mean fan_"),
        (lambda: Kaiming(gain=-1.0), r"init\.gain=-1\.0: must be"),
        (lambda: Kaiming(distribution="x"), r"init\.distribution=x: must be"),
        (lambda: Orthogonal(gain=-1.0), r"init\.gain=-1\.0: must be"),
        (lambda: Sparse(sparsity=1.5), r"init\.sparsity=1\.5: must be a share from 0 to 1"),
        (lambda: Sparse(sparsity=0.5, sigma=-1.0), r"init\.sigma=-1\.0: must be"),
    ],
)
def test_values_that_cannot_work_are_named(make: Callable[[], Scheme], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make()
