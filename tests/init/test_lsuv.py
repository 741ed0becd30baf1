"""LSUV on networks with real outputs to look at, and muP's last layer."""

import itertools

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
