"""Every kind of layer against torch.nn.init, its own arithmetic and what it does to a signal."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import init as torch_init

from initlab.init import (
    Constant,
    Drawn,
    Identity,
    Kaiming,
    LeCun,
    Normal,
    Orthogonal,
    Report,
    Scheme,
    Sparse,
    TorchDefault,
    TruncatedNormal,
    Uniform,
    Xavier,
    initialize,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def row(report: Report, name: str) -> Drawn:
    (found,) = [row for row in report.drawn if row.name == name]
    return found


def of_normal_numbers(weight: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    z = torch.empty_like(weight).normal_(generator=generator).double()
    return weight.copy_(low + (high - low) * torch.special.ndtr(z))


TORCHS: list[tuple[Scheme, Callable[[Tensor, torch.Generator], Any]]] = [
    (Xavier(gain=1.3), lambda w, g: torch_init.xavier_normal_(w, 1.3, generator=g)),
    (Xavier(distribution="uniform"), lambda w, g: torch_init.xavier_uniform_(w, generator=g)),
    (Kaiming(gain=2**0.5), lambda w, g: torch_init.kaiming_normal_(w, generator=g)),
    (
        Kaiming(distribution="uniform", mode="fan_out", gain=(2 / 1.04) ** 0.5),
        lambda w, g: torch_init.kaiming_uniform_(w, a=0.2, mode="fan_out", generator=g),
    ),
    (Normal(sigma=0.3), lambda w, g: torch_init.normal_(w, 0, 0.3, generator=g)),
    (Orthogonal(gain=1.3), lambda w, g: torch_init.orthogonal_(w, 1.3, generator=g)),
    (Identity(), lambda w, g: torch_init.dirac_(w)),
    (TorchDefault(), lambda w, g: torch_init.kaiming_uniform_(w, a=math.sqrt(5), generator=g)),
]


@pytest.mark.parametrize(
    "layer", [nn.Conv1d(6, 8, 5), nn.Conv2d(4, 6, (3, 2), stride=2), nn.Conv3d(3, 2, 2)], ids=lambda v: type(v).__name__
)
@pytest.mark.parametrize(("scheme", "torchs"), TORCHS, ids=lambda v: str(v) if isinstance(v, Scheme) else "")
def test_a_convolution_is_drawn_as_torch_does(
    layer: Any, scheme: Scheme, torchs: Callable[[Tensor, torch.Generator], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tensor, "uniform_", of_normal_numbers)
    expected = torch.empty(layer.weight.shape)
    torchs(expected, seeded(3))
    initialize(layer, scheme, generator=seeded(3))
    torch.testing.assert_close(layer.weight.detach(), expected, rtol=1e-6, atol=0)


def test_each_group_is_a_matrix_of_its_own() -> None:
    layer = nn.Conv2d(8, 6, 3, groups=2)
    fans = row(initialize(layer, Orthogonal(), generator=seeded()), "weight")
    assert (fans.fan_in, fans.fan_out) == (4 * 9, 3 * 9)
    for group in layer.weight.detach().view(2, 3, 36):
        torch.testing.assert_close(group @ group.T, torch.eye(3), rtol=0, atol=1e-5)
    initialize(layer, Identity())
    expected = torch_init.dirac_(torch.empty(6, 4, 3, 3), groups=2)
    assert torch.equal(layer.weight, expected)


@pytest.mark.parametrize(
    ("layer", "name", "fans"),
    [
        (nn.Linear(5, 7), "weight", (5, 7)),
        (nn.Conv2d(6, 6, 3, groups=6), "weight", (9, 9)),
        (nn.ConvTranspose1d(4, 10, 3), "weight", (12, 30)),
        (nn.ConvTranspose2d(4, 10, 4, stride=2, groups=2), "weight", (2 * 4, 5 * 16)),
        (nn.ConvTranspose2d(4, 10, 1, stride=2), "weight", (4, 10)),
        (nn.Embedding(9, 5), "weight", (1, 5)),
        (nn.MultiheadAttention(6, 2), "in_proj_weight", (6, 6)),
        (nn.MultiheadAttention(6, 2, kdim=3, vdim=4), "v_proj_weight", (4, 6)),
        (nn.MultiheadAttention(6, 2), "out_proj.weight", (6, 6)),
        (nn.LSTM(5, 7, 2, bidirectional=True), "weight_ih_l1_reverse", (14, 7)),
        (nn.LSTM(5, 7, proj_size=3), "weight_hh_l0", (3, 7)),
        (nn.LSTM(5, 7, proj_size=3), "weight_hr_l0", (7, 3)),
        (nn.GRUCell(5, 7), "weight_ih", (5, 7)),
        (nn.RNN(5, 7), "weight_hh_l0", (7, 7)),
        (nn.Bilinear(3, 4, 5), "weight", (12, 20)),
    ],
)
def test_fans(layer: nn.Module, name: str, fans: tuple[int, int]) -> None:
    found = row(initialize(layer, Kaiming(), generator=seeded()), name)
    assert (found.fan_in, found.fan_out) == fans


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_each_gate_is_a_matrix_of_its_own(kind: Any, gates: int) -> None:
    layer = kind(40, 50)
    initialize(layer, Xavier(), generator=seeded())
    for weight, fan_in in ((layer.weight_ih_l0, 40), (layer.weight_hh_l0, 50)):
        for gate in weight.detach().view(gates, 50, fan_in):
            promised = math.sqrt(2 / (fan_in + 50))
            assert abs(float(gate.std()) - promised) < 5 * promised / math.sqrt(2 * gate.numel())
    initialize(layer, Orthogonal(gain=1.0), generator=seeded())
    for gate in layer.weight_hh_l0.detach().view(gates, 50, 50):
        torch.testing.assert_close(gate @ gate.T, torch.eye(50), rtol=0, atol=1e-5)


def test_queries_keys_and_values_are_matrices_of_their_own() -> None:
    layer = nn.MultiheadAttention(12, 3, add_bias_kv=True)
    report = initialize(layer, Orthogonal(gain=1.0), generator=seeded())
    for part in layer.in_proj_weight.detach().chunk(3):
        torch.testing.assert_close(part @ part.T, torch.eye(12), rtol=0, atol=1e-5)
    assert {name for r in report.drawn for name in r.parameters} == {name for name, _ in layer.named_parameters()}


def test_the_row_for_padding_stays_0() -> None:
    for padding in (0, 3, 6):
        layer = nn.Embedding(7, 300, padding_idx=padding)
        found = row(initialize(layer, Kaiming(), generator=seeded()), "weight")
        assert layer.weight[padding].abs().max() == 0
        rest = torch.cat([layer.weight[:padding], layer.weight[padding + 1 :]]).detach()
        assert found.drawn_std == pytest.approx(float(rest.double().std(correction=0)))
        assert found.promised_std == 1.0


SCHEMES = [
    Normal(sigma=0.3), Uniform(bound=0.3), TruncatedNormal(sigma=0.2), LeCun(), Xavier(), Xavier(gain=None), Kaiming(),
    Kaiming(mode="fan_out", distribution="uniform"), Orthogonal(), TorchDefault(), Sparse(sparsity=0.5, sigma=1.0),
    Constant(value=0.2), Identity(),
]  # fmt: skip


@st.composite
def modules(draw: st.DrawFn) -> nn.Module:
    """One layer of any kind and shape."""
    few = st.integers(1, 6)
    groups, a, b, k, s = draw(st.integers(1, 3)), draw(few), draw(few), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    kind = draw(st.integers(0, 9))
    conv: Any = draw(
        st.sampled_from([nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d])
    )
    if kind < 4:
        return conv(groups * a, groups * b, k, s, groups=groups, bias=draw(st.booleans()))
    rnn: Any = draw(st.sampled_from([nn.RNN, nn.GRU, nn.LSTM]))
    cell: Any = draw(st.sampled_from([nn.RNNCell, nn.GRUCell, nn.LSTMCell]))
    heads = draw(st.booleans())
    made: list[Callable[[], nn.Module]] = [
        lambda: nn.Embedding(a + 1, b, padding_idx=draw(st.sampled_from([None, 0, a, a // 2]))),
        lambda: rnn(a, b, draw(st.integers(1, 2)), bidirectional=draw(st.booleans()), bias=draw(st.booleans())),
        lambda: cell(a, b),
        lambda: nn.MultiheadAttention(2 * a, 2, kdim=b if heads else None, add_bias_kv=draw(st.booleans())),
        lambda: nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), nn.PReLU(), nn.Linear(b, k)),
        lambda: nn.Sequential(nn.Conv2d(a, b, k), nn.BatchNorm2d(b), nn.ReLU(), nn.ConvTranspose2d(b, a, k)),
    ]
    return made[kind - 4]()


@settings(max_examples=40)
@given(module=modules(), scheme=st.sampled_from(SCHEMES))
def test_any_layer_keeps_the_promise_and_every_parameter_is_reported_once(module: nn.Module, scheme: Scheme) -> None:
    """Of n numbers the variance has a standard error of sqrt((kurtosis - 1) / n), the kurtosis 6 at most, that of the
    sparse ones; 6.5 of them."""
    with torch.random.fork_rng():
        reports = [initialize(module, scheme, generator=seeded(seed)) for seed in range(15)]
        report = reports[0]
    named = [name for r in report.drawn for name in r.parameters] + [r.name for r in report.left_alone]
    assert sorted(named) == sorted(name for name, _ in module.named_parameters())
    parameters = dict(module.named_parameters())
    for i, here in enumerate(report.drawn):
        drawn = [r.drawn[i].drawn_std for r in reports]
        weight = parameters[here.name]
        n = int((weight != 0).sum()) if not isinstance(scheme, Sparse) else weight.numel()  # but for padding
        if scheme.entries in ("alike", "zero", "fixed") or here.promised_std == 0:
            assert drawn == pytest.approx([here.promised_std] * 15, abs=1e-6)
        elif n > 1:
            variance = sum(d * d for d in drawn) / 15 * n / (n - 1)  # a std is about the mean of its draw
            assert abs(variance / here.promised_std**2 - 1) < 6.5 * math.sqrt(6 / (15 * n)), here
    assert all(len(line) <= 100 for line in str(report).splitlines())
