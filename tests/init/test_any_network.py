"""Networks of others: which activation is behind a layer, what their weights are made of, what they are refused for."""

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import utils
from torch.nn.utils import parametrizations, parametrize, prune

import initlab
from initlab.batch import batch_for
from initlab.errors import UserError
from initlab.init import LSUV, Kaiming, Normal, Orthogonal, Report, Xavier
from initlab.nn import ACTIVATIONS
from initlab.seeds import generator


def initialize(model: Any, scheme: Any = "kaiming", **more: Any) -> Report:
    return initlab.initialize(model, scheme, generator=generator("init", 0), **more)


def behind(report: Report) -> dict[str, str]:
    return {row.name.removesuffix(".weight"): row.gain_from for row in report.weights}


class Swish(nn.Module):
    def forward(self, X: Tensor) -> Tensor:
        return X * torch.sigmoid(X)


class Functional(nn.Module):
    """Activations of every spelling, registered in another order than they are called."""

    def __init__(self) -> None:
        super().__init__()
        self.swish = Swish()
        self.norm, self.act = nn.LayerNorm(8), nn.ELU()
        self.h, self.g, self.f, self.e, self.d, self.c, self.b, self.a = (nn.Linear(8, 8) for _ in range(8))

    def forward(self, X: Tensor) -> Tensor:
        X = F.relu(self.a(X))
        X = (self.b(X) + X).relu_()
        X = torch.tanh(F.dropout(self.norm(self.c(X)), 0.5, self.training))
        X = self.swish(3 * self.d(X))
        X = self.act(self.e(X)[..., :8].reshape(-1, 8))
        X = (1 - self.f(X) / 2).clamp(min=0)
        X = F.leaky_relu(self.g(X), 0.3)
        return F.log_softmax(self.h(X), dim=-1)


def test_the_forward_pass_says_which_activation_is_behind_each_layer() -> None:
    found = initialize(Functional(), batch=torch.randn(4, 8))
    assert behind(found) == {
        "a": "relu (traced)", "b": "relu (traced)", "c": "tanh (traced)", "d": "Swish (traced)", "e": "elu (traced)",
        "f": "relu (traced)", "g": "leaky_relu (traced)", "h": "none (traced)",
    }  # fmt: skip
    gains = {row.name[0]: row.gain for row in found.weights}
    calculate = nn.init.calculate_gain
    assert gains["a"] == gains["f"] == pytest.approx(calculate("relu"))
    assert gains["c"] == pytest.approx(calculate("tanh"))
    assert gains["g"] == pytest.approx(calculate("leaky_relu", 0.3))
    assert gains["d"] == pytest.approx(ACTIVATIONS["silu"].gain, rel=1e-6)
    z = torch.randn(4_000_000, generator=generator("z", 0))  # E[phi^2] of a second moment near 1: 4 / sqrt(n) is 0.2 %
    assert gains["e"] == pytest.approx(float(F.elu(z).square().mean()) ** -0.5, rel=2e-3)
    for row in found.weights:
        assert row.promised_std == pytest.approx((row.gain or 0) / math.sqrt(8))


def test_without_a_batch_it_is_the_module_registered_next() -> None:
    shared = nn.ReLU()
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), shared, nn.Conv2d(4, 4, 3), shared)
    model = nn.Sequential(
        block, nn.Sequential(nn.Flatten(), nn.Linear(64, 9)), nn.Dropout(0.1), nn.Sequential(nn.SELU()), nn.Linear(9, 2)
    )
    says = ["relu", "relu", "selu", "none"]
    assert list(behind(initialize(model)).values()) == [f"{name} (next module)" for name in says]
    assert list(behind(initialize(model, batch=torch.randn(2, 3, 8, 8))).values()) == [f"{n} (traced)" for n in says]
    assert set(behind(initialize(Functional())).values()) == {"none (next module)"}
    for other, said in ((nn.GLU(), "none"), (nn.Softmax2d(), "none"), (nn.PReLU(9), "prelu"), (Swish(), "Swish")):
        assert behind(initialize(nn.Sequential(nn.Linear(3, 9), other))) == {"0": f"{said} (next module)"}


def test_a_model_that_names_its_activation_has_one_gain() -> None:
    model = Functional()
    model.activation = "gelu"  # type: ignore[assignment]
    found = initialize(model, batch=torch.randn(4, 8))
    assert set(behind(found).values()) == {"gelu (model)"}
    initialize(model, batch=lambda: pytest.fail("no batch is asked for"))
    assert {row.gain for row in found.weights} == {ACTIVATIONS["gelu"].gain}
    model.activation = nn.GELU()  # says nothing
    assert "tanh (traced)" in behind(initialize(model, batch=torch.randn(4, 8))).values()


def test_a_transformer() -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu", norm_first=True)
    model = nn.Sequential(nn.Embedding(20, 16), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False))
    for scheme in ("kaiming", "lsuv"):  # torch's fused layer would hide its parts
        found = initialize(model, scheme, batch=torch.randint(20, (2, 5)))
    assert [one.name.rpartition(".")[2] for one in found.fitted] == [  # type: ignore[attr-defined]
        "0", "self_attn", "linear1", "linear2", "self_attn", "linear1", "linear2",
    ]  # fmt: skip
    padded = {"src": torch.randn(2, 5, 16), "src_key_padding_mask": torch.arange(5) > torch.tensor([[4], [2]])}
    after = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2)  # of nested tensors
    assert len(initialize(after, "lsuv", batch=padded).fitted) == 6
    gains = behind(initialize(model, batch=torch.randint(20, (2, 5))))
    assert {gain for name, gain in gains.items() if name.endswith("linear1")} == {"gelu (traced)"}
    assert {gain for name, gain in gains.items() if name.endswith("in_proj_weight")} == {"attention"}
    assert {gain for name, gain in gains.items() if name.endswith(("linear2", "out_proj"))} == {"none (traced)"}


def test_a_recurrent_layer_has_the_gain_of_its_own() -> None:
    assert set(behind(initialize(nn.RNN(3, 4))).values()) == {"tanh (its own)"}
    assert set(behind(initialize(nn.RNNCell(3, 4, nonlinearity="relu"))).values()) == {"relu (its own)"}
    assert set(behind(initialize(nn.LSTM(3, 4))).values()) == {"gates"}


def test_a_scheme_that_knows_no_gain_or_has_one_says_so() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    assert [row.gain for row in initialize(model, Normal()).weights] == [None]
    assert [(row.gain, row.gain_from) for row in initialize(model, Xavier()).weights] == [(1.0, "scheme")]


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(3, 4), nn.Linear(5, 4), nn.BatchNorm1d(4)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        self.calls = self.calls + 1
        return {"out": torch.relu(self.norm(self.a(x) + self.b(y))) * torch.rand(())}


@pytest.mark.parametrize("kind", [tuple, list, dict])
@pytest.mark.parametrize("scheme", ["kaiming", "lsuv"])
def test_the_forward_pass_leaves_the_network_as_it_was(kind: Any, scheme: str) -> None:
    model, x, y = Two(), torch.randn(9, 3), torch.randn(9, 5, dtype=torch.float64)
    model.norm.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items() if tensor.ndim == 0 or "norm" in name}
    state = torch.get_rng_state()
    asked = []

    def batch() -> Any:
        asked.append(1)
        return {"x": x, "y": y} if kind is dict else kind((x, y))

    found = initialize(model, scheme, batch=batch)
    assert asked == [1]
    assert torch.equal(torch.get_rng_state(), state)
    assert [m.training for m in (model, model.a, model.norm)] == [True, True, False]
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    if scheme == "kaiming":
        assert set(behind(found).values()) == {"relu (traced)"}
        assert [(row.name, row.kind) for row in found.left_alone] == [
            ("norm.weight", "BatchNorm1d"), ("norm.bias", "BatchNorm1d"),
        ]  # fmt: skip


def test_a_batch_of_a_class_of_its_own_is_one_argument() -> None:
    words = nn.utils.rnn.pack_sequence([torch.randn(5, 3), torch.randn(2, 3)])
    model = nn.LSTM(3, 4)
    assert initialize(model, batch=words).notes == ()
    assert initialize(model, batch=(words,)).notes == ()


def test_a_network_may_overwrite_its_input() -> None:
    model, X = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 4)), torch.randn(5, 3)
    before = X.clone()
    initialize(model, "lsuv", batch=X)
    assert torch.equal(X, before)


def test_a_batch_that_does_not_fit_is_told() -> None:
    model = Functional()
    found = initialize(model, batch=torch.randn(4, 9))
    assert set(behind(found).values()) == {"none (next module)"}
    assert "batch: Functional does not take it (RuntimeError" in found.notes[0]
    with pytest.raises(UserError, match="batch: Functional does not take it"):
        initialize(model, "lsuv", batch=torch.randn(4, 9))
    assert model.training


@pytest.mark.parametrize("net", [nn.ModuleList([nn.Linear(9, 3)]), nn.Sequential(nn.ModuleList([nn.Linear(9, 3)]))])
def test_what_to_do_is_said_of_a_module_without_forward(net: nn.Module) -> None:
    """The remedy that the sentence names is taken, and works."""
    X = torch.randn(50, 9)
    with pytest.raises(UserError) as caught:
        initialize(net, "lsuv", batch=X)
    assert "\n" not in str(caught.value)
    remedy = str(caught.value).partition("write one, as in ")[2]
    made: dict[str, Any] = {}
    exec(remedy, made)
    whole = type("Whole", (nn.Module,), {"forward": made["forward"]})()
    whole.net = nn.Linear(9, 3)
    initialize(whole, "lsuv", batch=X)
    assert whole(X).std().item() == pytest.approx(1, abs=0.02)


def test_weights_made_by_a_parametrization() -> None:
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(40, 50)),
        nn.ReLU(),
        parametrizations.weight_norm(nn.LSTM(50, 6), "weight_hh_l0"),
    )
    found = {row.name: row for row in initialize(model, Orthogonal(gain=1.0)).drawn}
    row = found["0.weight"]
    assert row.parameters == ("0.parametrizations.weight.original0", "0.parametrizations.weight.original1")
    W = model[0].weight.detach()
    torch.testing.assert_close(W.T @ W, torch.eye(40), rtol=0, atol=1e-5)
    for gate in model[2].weight_hh_l0.detach().chunk(4):  # type: ignore[union-attr, operator]
        torch.testing.assert_close(gate.T @ gate, torch.eye(6), rtol=0, atol=1e-5)
    report = initialize(model[0], LSUV(), batch=torch.randn(100, 40))
    assert float(model[0](torch.randn(5000, 40)).detach().std()) == pytest.approx(1, abs=0.05)
    assert report.fitted
    with pytest.raises(UserError, match="its parametrization makes nan of a weight with zeros"):
        initialize(model[0], "zeros")


def test_a_parametrization_that_makes_another_weight_is_told() -> None:
    layer = parametrizations.spectral_norm(nn.Conv2d(3, 20, 3))
    found = initialize(layer)
    assert math.isnan(found.weights[0].promised_std)
    assert found.notes == ("weight: its parametrization makes another weight of what was drawn",)
    # its power iteration knows the new weight, to the accuracy of as many steps as torch takes: it would be 15
    norm = torch.linalg.matrix_norm(layer.eval().weight.detach().flatten(1), ord=2)
    assert float(norm) == pytest.approx(1, rel=0.2)


def test_to_refuse_a_network_leaves_it_as_it_was() -> None:
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Bilinear(3, 3, 3))
    before = copy.deepcopy(model.state_dict())  # with the estimates of the power iteration
    with pytest.raises(UserError, match="Bilinear"):
        initialize(model, "identity")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


class Lower(nn.Module):
    def forward(self, W: Tensor) -> Tensor:
        return W.tril()


def test_weights_that_cannot_be_given_are_refused() -> None:
    layer = nn.Linear(4, 4)
    parametrize.register_parametrization(layer, "weight", Lower())
    with pytest.raises(UserError, match="weight: it is parametrized by Lower, which has no right_inverse"):
        initialize(layer)
    pruned = nn.Sequential(nn.Linear(4, 4))
    prune.random_unstructured(pruned[0], "weight", amount=0.5)
    with pytest.raises(UserError, match=r"0\.weight: a hook computes it from weight_orig"):
        initialize(pruned)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("dim", [0, 1, None])
def test_the_older_weight_norm(dim: int | None) -> None:
    layer = utils.weight_norm(nn.Conv1d(6, 8, 3), dim=dim)  # type: ignore[arg-type]
    found = initialize(layer, Orthogonal(gain=1.0))
    assert found.weights[0].parameters == ("weight_g", "weight_v")
    layer(torch.randn(1, 6, 5))
    W = layer.weight.detach().flatten(1)
    torch.testing.assert_close(W @ W.T, torch.eye(8), rtol=0, atol=1e-5)


class Language(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(300, 50), nn.Linear(50, 300, bias=False)
        self.head.weight = self.embedding.weight
        self.position = nn.Parameter(torch.zeros(5, 50))

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.embedding(words) + self.position)


def test_a_shared_weight_is_drawn_once_as_that_of_the_layer_with_most_inputs() -> None:
    model = Language()
    found = initialize(model, batch=torch.randint(300, (2, 5)))
    (row,) = found.drawn
    assert row.parameters == ("embedding.weight", "head.weight")
    assert model.head.weight is model.embedding.weight
    assert row.promised_std == pytest.approx(50**-0.5)
    assert "shared: embedding.weight = head.weight" in str(found)
    assert [(one.name, one.reason) for one in found.left_alone] == [("position", "no rule for it")]
    assert len(initialize(model, "lsuv", batch=torch.randint(300, (2, 5))).fitted) == 1
    twice = nn.Linear(4, 4)
    twice.other = nn.Linear(4, 4)  # two parameters, one memory
    twice.other.weight = nn.Parameter(twice.weight.data)
    assert initialize(twice).weights[0].parameters == ("weight", "other.weight")


def test_what_is_frozen_or_has_no_numbers_is_left_alone() -> None:
    model = nn.Sequential(
        nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 2), nn.Linear(2, 2, dtype=torch.complex64)
    )
    before = model[0].weight.clone()
    found = initialize(model)
    assert torch.equal(model[0].weight, before)
    assert {row.name: row.reason for row in found.left_alone} == {
        "0.weight": "frozen", "0.bias": "frozen", "2.weight": "of torch.complex64", "2.bias": "of torch.complex64",
    }  # fmt: skip
    with pytest.raises(UserError, match=r"Linear has no layer to initialise, but weight \(Linear, frozen\)"):
        initialize(model[0])


def test_an_embedding_of_padding_alone() -> None:
    model = nn.Sequential(nn.Embedding(1, 4, padding_idx=0), nn.Linear(4, 4))
    assert [(row.name, row.reason) for row in initialize(model).left_alone] == [("0.weight", "all of it padding")]


@pytest.mark.parametrize("scheme", ["normal", "xavier", "orthogonal"])
@pytest.mark.parametrize("readout_first", [False, True])
def test_the_row_of_padding_stays_0_where_the_embedding_is_the_readout_too(scheme: str, readout_first: bool) -> None:
    embedding, readout = nn.Embedding(40, 8, padding_idx=3), nn.Linear(8, 40, bias=False)
    readout.weight = embedding.weight
    found = initialize(nn.Sequential(*((readout, embedding) if readout_first else (embedding, readout))), scheme)
    padding, rest = embedding.weight[3].detach(), embedding.weight[[*range(3), *range(4, 40)]].detach()
    assert torch.equal(padding, torch.zeros(8))
    assert rest.abs().min() > 0
    assert found.drawn[0].drawn_std == pytest.approx(float(rest.double().std(correction=0)), rel=1e-12)


def test_weights_in_half_precision_and_other_orders_of_memory() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5))
    plain = copy.deepcopy(model)
    initialize(plain, "orthogonal")
    other = model.to(torch.bfloat16, memory_format=torch.channels_last)  # type: ignore[call-overload]
    initialize(other, "orthogonal", batch=torch.randn(2, 3, 8, 8))
    for a, b in zip(other.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.float(), b, rtol=2**-8, atol=0)


@pytest.mark.parametrize(
    ("make", "scheme", "says"),
    [
        (lambda: nn.Sequential(nn.LazyLinear(3)), "kaiming", "0.weight of Sequential has no size yet: run a batch"),
        (lambda: nn.Linear(3, 4, device="meta"), "kaiming", "weight of Linear is on the meta device"),
        (lambda: nn.Conv2d(4, 3, 3), Orthogonal(delta=True), r"weight \(Conv2d\): init.delta=true .* not 4 to 3"),
        (lambda: nn.Conv2d(4, 3, 3), "mup", r"weight \(Conv2d\): its learning rates are for dense layers alone"),
        (lambda: nn.Bilinear(4, 3, 3), "identity", r"weight \(Bilinear\): a product of two inputs hands neither on"),
        (lambda: nn.Linear(4, 3), "kaimng", r"init=kaimng: no such init; did you mean kaiming\?"),
        (lambda: nn.Linear(4, 3), "critical", "init=critical: for which activation"),
        (lambda: nn.Linear(4, 3), "given", "init.weights=null: must be a list"),
        (lambda: nn.ReLU(), "kaiming", "ReLU has no layer to initialise, but no parameters at all"),
        (lambda: nn.Linear(4, 3), "lsuv", "this scheme looks at data"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(make: Any, scheme: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        initialize(make(), scheme)
    assert "\n" not in str(caught.value)


class PlainCNN(nn.Module):
    def __init__(self, groups: int) -> None:
        super().__init__()
        around = {"padding": 1, "padding_mode": "circular", "groups": groups}
        self.layers = nn.ModuleList(nn.Conv2d(64, 64, 3, **around) for _ in range(10))  # type: ignore[arg-type]

    def forward(self, X: Tensor) -> Tensor:
        for layer in self.layers:
            X = layer(X).relu()
        return X


@pytest.mark.parametrize("groups", [1, 2])
def test_a_plain_deep_cnn_keeps_its_signal_on_average(groups: int) -> None:
    """He et al. 2015: E[x^2] stays. Of ten layers whose units have 64 / groups channels to add up the log of the ratio
    of one draw has a variance of about 10 * 5 groups / 64, so the mean of 20 lies within a factor of 4 of 1. A std
    that is 10 % off would make it 0.12 or 6.7, the fans of both groups 0.001."""
    model, X = PlainCNN(groups), torch.randn(4, 64, 4, 4, generator=generator("x", 0)).relu()
    ratios = []
    for seed in range(20):
        initlab.initialize(model, "kaiming", generator=generator("init", seed), batch=X)
        with torch.no_grad():
            ratios.append(float(model(X).square().mean() / X.square().mean()))
    assert 0.25 < sum(ratios) / 20 < 4


@pytest.mark.parametrize("groups", [1, 2])
def test_a_delta_orthogonal_convolution_keeps_every_norm(groups: int) -> None:
    conv = nn.Conv2d(8, 12, 3, padding=1, padding_mode="circular", groups=groups, bias=False)
    (row,) = initialize(conv, Orthogonal(delta=True, gain=1.0)).drawn
    X = torch.randn(5, 8, 7, 7)
    torch.testing.assert_close(conv(X).flatten(1).norm(dim=1), X.flatten(1).norm(dim=1), rtol=1e-5, atol=0)
    assert int((conv.weight != 0).sum()) == 12 * 8 // groups
    assert row.promised_std == pytest.approx((12 // groups) ** -0.5)


def test_a_report_is_a_table_for_terminals_and_notebooks() -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)) for _ in range(20)))
    found = initialize(nn.ModuleDict({"a_rather_long_name_of_a_part_of_a_network" * 2: model}), Kaiming())
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "init kaiming normal, fan_in, gain of the activation"
    assert "and 20 biases: 0" in lines
    assert found.left_alone_line() == "left alone: weight and bias of 20 BatchNorm2d"
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + len(found.drawn) + len(found.left_alone)
    assert "&lt;" not in page


def test_compiled_parts_are_seen_through() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5))
    X = torch.randn(4, 3, 8, 8)
    for compiled in (torch.compile(model), nn.Sequential(model[0], torch.compile(model[1:]))):
        found = initialize(compiled, "kaiming", batch=X)
        assert list(behind(found).values()) == ["relu (traced)", "none (traced)"]
        fitted = initialize(compiled, "lsuv", batch=X).fitted
        assert [one.std for one in fitted] == pytest.approx([1.0, 1.0], abs=0.01)  # type: ignore[attr-defined]


def test_what_a_batch_has_besides_the_inputs_is_left_out() -> None:
    model, X, y = nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.randn(5, 3), torch.zeros(5)
    whole: Any
    for whole in ((X, y), {"input": X, "label": y}):
        assert initialize(model, "lsuv", batch=whole).fitted
    two = {"x": torch.randn(5, 3), "y": torch.randn(5, 5), "label": y}
    for whole in (two, tuple(two.values())):
        assert len(initialize(Two(), "lsuv", batch=whole).fitted) == 2


def test_the_inputs_in_a_training_batch() -> None:
    X, y = torch.randn(2, 3), torch.zeros(2)

    class Takes(nn.Module):
        def forward(self, a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
            return a

    class Whole(nn.Module):
        def forward(self, *parts: Tensor) -> Tensor:
            return parts[0]

    whole = {"a": X, "label": y}
    cases: list[tuple[nn.Module, Any, Any]] = [
        (nn.Linear(3, 2), X, (X,)),
        (nn.Linear(3, 2), [X, y], (X,)),
        (Takes(), (X, y, y), (X, y)),
        (Takes(), {"a": X, "b": y, "label": y}, {"a": X, "b": y}),
        (Whole(), (X, y), (X,)),
        (nn.Linear(3, 2), whole, (whole,)),
    ]
    for model, batch, inputs in cases:
        given = batch_for(model, batch)
        torch.testing.assert_close(given.kwargs or given.args, inputs, rtol=0, atol=0)
