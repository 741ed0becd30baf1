"""LSUV on networks with real outputs to look at, and muP's last layer."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initlab.errors import UserError
from initlab.init import LSUV, Kaiming, MuP, Orthogonal, initialize
from initlab.nn import Activation, Linear
from initlab.seeds import generator


def net(activation: str = "relu", *widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in itertools.pairwise(widths):
        layers += [Linear(i, o), Activation(activation)]
    return nn.Sequential(*layers[:-1])


def inputs(n: int = 200, scale: float = 30.0) -> Tensor:
    return scale * torch.randn(n, 40, generator=generator("x", 0)) + 5


def outputs(model: nn.Sequential, X: Tensor) -> list[float]:
    found = []
    for layer in model:
        X = layer(X)
        if isinstance(layer, Linear):
            found.append(float(X.detach().std()))
    return found


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_every_output_has_std_1_on_the_batch(activation: str) -> None:
    model, X = net(activation, 40, 50, 20, 60, 5), inputs()
    report = initialize(model, LSUV(tolerance=1e-4), generator=generator("init", 0), batch=lambda: X)
    assert outputs(model, X) == pytest.approx([1.0] * 4, abs=2e-4)
    assert [done.name for done in report.fitted] == ["0", "2", "4", "6"]
    first = report.fitted[0]
    assert first.std_before / first.std == pytest.approx(1 / first.factor, rel=1e-4)


def test_rows_stay_orthogonal_and_biases_0() -> None:
    model, X = net("relu", 40, 20, 5), inputs()
    initialize(model, LSUV(), generator=generator("init", 0), batch=lambda: X)
    W = model[0].weight.detach()
    gram = W @ W.T
    torch.testing.assert_close(gram / gram[0, 0], torch.eye(20), atol=1e-5, rtol=0)
    assert model[0].bias.abs().max() == 0


def test_a_layer_within_the_tolerance_is_left_as_drawn() -> None:
    model, X = net("identity", 40, 40, 40), inputs(scale=1.0) - 5
    drawn = net("identity", 40, 40, 40)
    initialize(drawn, Orthogonal(gain=1.0), generator=generator("init", 0))
    report = initialize(model, LSUV(tolerance=0.5), generator=generator("init", 0), batch=lambda: X)
    assert torch.equal(model[0].weight, drawn[0].weight)
    assert report.fitted[0].factor == 1.0


def test_the_model_is_as_it_was() -> None:
    model = nn.Sequential(Linear(40, 30), nn.Dropout(0.5), nn.BatchNorm1d(30), Linear(30, 2))
    initialize(model, LSUV(), batch=inputs)
    assert model.training
    assert not model[0]._forward_hooks
    assert torch.equal(model[2].running_mean, torch.zeros(30))  # looked at in eval mode


def test_dropout_does_not_count() -> None:
    model, X = nn.Sequential(Linear(40, 30), nn.Dropout(0.9), Linear(30, 20)), inputs()
    initialize(model, LSUV(tolerance=1e-4), batch=X)
    assert outputs(model.eval(), X)[-1] == pytest.approx(1, abs=2e-4)


def test_a_layer_that_puts_out_a_constant_is_named() -> None:
    model = net("relu", 40, 30, 20, 10)
    with pytest.raises(UserError, match=r"init=lsuv: the output of 0 has std 0 .* init=kaiming"):
        initialize(model, LSUV(), batch=lambda: torch.zeros(8, 40))
    with pytest.raises(UserError, match=r"the output of 0 has std nan"):
        initialize(model, LSUV(), batch=lambda: torch.full((8, 40), torch.inf))
    assert not model[0]._forward_hooks


def test_without_data_it_says_so() -> None:
    with pytest.raises(UserError, match=r"init=lsuv: this scheme looks at data"):
        initialize(net("relu", 40, 10), LSUV())


def test_mup_is_kaiming_but_for_the_last_layer() -> None:
    mup, kaiming = net("relu", 40, 64, 64, 10), net("relu", 40, 64, 64, 10)
    initialize(mup, MuP(base_width=16), generator=generator("init", 0))
    initialize(kaiming, Kaiming(), generator=generator("init", 0))
    for a, b, factor in zip(mup[::2], kaiming[::2], (1, 1, 0.5), strict=True):  # sqrt(16 / 64)
        torch.testing.assert_close(a.weight, factor * b.weight)
    only = net("relu", 40, 10)  # one layer is the input's, not the readout
    initialize(only, MuP(base_width=16), generator=generator("init", 0))
    assert float(only[0].weight.detach().std()) == pytest.approx((1 / 40) ** 0.5, rel=0.1)


def test_what_became_of_the_layers_is_said() -> None:
    model, X = net("relu", 40, 50, 20, 5), inputs()
    report = initialize(model, LSUV(), generator=generator("init", 0), batch=lambda: X)
    (said,) = LSUV().notes([40, 50, 20, 5], "sgd", report.fitted)
    for done in report.fitted:
        assert f"{done.std_before:.3g}" in said
        assert f"{done.factor:.3g}" in said
    deep = net("relu", 40, *[10] * 9, 5)
    report = initialize(deep, LSUV(), generator=generator("init", 0), batch=lambda: X)
    (said,) = LSUV().notes([], "sgd", report.fitted)
    assert said.count("...") == 2


class Mixed(nn.Module):
    """Registered in another order than called; a convolution that is called twice, and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.unused = nn.Linear(12, 3), nn.Conv2d(3, 3, 3)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.lstm = nn.LSTM(12, 12, batch_first=True)
        self.norm, self.again = nn.BatchNorm2d(12), nn.Conv2d(12, 12, 3, padding=1)
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 12, 3))

    def forward(self, *, image: Tensor) -> tuple[Tensor, None]:
        H = self.norm(self.conv(image)).relu()
        H = self.again(self.again(H).relu()).flatten(2).mT
        H, _ = self.attention(H, H, H)
        H, _ = self.lstm(H)
        return self.head(H), None


def test_any_module_with_a_batch_by_name() -> None:
    model, image = Mixed(), 30 * torch.randn(16, 2, 6, 6, generator=generator("x", 0)) + 5
    report = initialize(model, LSUV(tolerance=1e-4), generator=generator("init", 0), batch={"image": image})
    names = ["conv", "again", "attention", "head"]
    assert [done.name for done in report.fitted] == names
    assert report.notes == ("the batch does not reach unused: as drawn, of no unit signal",)
    found: dict[str, list[float]] = {}
    for name in names:

        def look(_: nn.Module, __: object, output: Any, name: str = name) -> None:
            z = output[0] if isinstance(output, tuple) else output
            found.setdefault(name, []).append(float(z.detach().std()))

        getattr(model, name).register_forward_hook(look)
    with torch.no_grad():
        model.eval()(image=image)
    assert [stds[0] for stds in found.values()] == pytest.approx([1.0] * 4, abs=2e-4)
    assert found["again"][1] != pytest.approx(1, abs=0.1)
    assert torch.equal(model.norm.running_mean, torch.zeros(12))
    for gate in model.lstm.weight_hh_l0.detach().chunk(4):  # as drawn
        torch.testing.assert_close(gate @ gate.T, torch.eye(12), rtol=0, atol=1e-5)


@pytest.mark.gpu
def test_on_a_gpu_the_draw_is_that_of_the_cpu() -> None:
    models = [Mixed(), Mixed().cuda()]
    image = torch.randn(16, 2, 6, 6)
    for model in models:
        initialize(model, Kaiming(), generator=generator("init", 0), batch={"image": image})
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(a, b.cpu(), rtol=1e-6, atol=1e-7)
    report = initialize(models[1], LSUV(), generator=generator("init", 0), batch={"image": image})
    assert len(report.fitted) == 4
