import math

import pytest
import torch
from torch import nn

from initlab.errors import UserError
from initlab.init import (
    Kaiming,
    Normal,
    Orthogonal,
    Scheme,
    TorchDefault,
    TruncatedNormal,
    Uniform,
    Xavier,
    dense_layers,
    gain_of,
    initialize,
)
from initlab.nn import ACTIVATIONS, Linear
from initlab.seeds import generator


class Net(nn.Module):
    """Layers of both kinds at two depths of nesting, and a normalisation that is nobody's business here."""

    def __init__(self, activation: str | None = None, width: int = 200) -> None:
        super().__init__()
        if activation is not None:
            self.activation = activation
        self.body = nn.Sequential(Linear(30, width), nn.LayerNorm(width), nn.Linear(width, 100, bias=False))
        self.head = Linear(100, 10)


def weights(scheme: Scheme, seed: int) -> list[torch.Tensor]:
    net = Net("tanh")
    initialize(net, scheme, generator=generator("init", seed))
    return [p.detach() for p in net.parameters()]


def test_dense_layers_of_both_kinds_are_found_in_order() -> None:
    assert [name for name, _ in dense_layers(Net())] == ["body.0", "body.2", "head"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gain_follows_the_activation_of_the_model(activation: str) -> None:
    net = Net(activation)
    initialize(net, Orthogonal(), generator=generator("init", 0))
    assert gain_of(net) == ACTIVATIONS[activation].gain
    for _, layer in dense_layers(net):
        largest = torch.linalg.matrix_norm(layer.weight.detach(), ord=2).item()
        assert largest == pytest.approx(ACTIVATIONS[activation].gain, rel=1e-5)


def test_a_model_that_names_no_activation_is_linear() -> None:
    assert gain_of(Net()) == 1.0


@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_schemes_of_one_seed_share_their_numbers(model: str) -> None:
    """In every layer: normal weights are multiples of each other, of uniform ones the normal quantile is such a
    multiple, an orthogonal matrix is the Q of it; biases, where they are drawn, come last and move nothing."""

    def drawn(scheme: Scheme) -> list[torch.Tensor]:
        net = Net("relu") if model == "mlp" else nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3))
        initialize(net, scheme, generator=generator("init", 4))
        return [part.detach().double() for part in net.parameters() if part.dim() > 1]

    numbers = drawn(Normal(sigma=1.0))
    for one, two, z in zip(drawn(Xavier()), drawn(Kaiming(gain=1.0)), numbers, strict=True):
        for weight in (one, two):
            torch.testing.assert_close(weight / z, (weight / z).mean().expand_as(z), rtol=1e-5, atol=0)
    for scheme in (TorchDefault(), Xavier(distribution="uniform"), Uniform(bound=0.2), TruncatedNormal(sigma=1.0)):
        for weight, z in zip(drawn(scheme), numbers, strict=True):
            assert (weight.flatten()[z.flatten().argsort()].diff() >= 0).all()
    for weight, z in zip(drawn(Orthogonal(gain=1.0)), numbers, strict=True):
        tall = z.flatten(1).T if z.flatten(1).shape[0] < z.flatten(1).shape[1] else z.flatten(1)
        Q, R = torch.linalg.qr(tall)
        Q = Q * R.diagonal().sign()
        expected = Q.T if tall.shape != z.flatten(1).shape else Q
        torch.testing.assert_close(weight.flatten(1), expected, rtol=0, atol=1e-5)


def test_weights_are_drawn_one_after_the_other_then_the_biases() -> None:
    net, source = Net("relu"), generator("init", 4)
    initialize(net, TorchDefault(), generator=generator("init", 4))
    layers = [layer for _, layer in dense_layers(net)]
    for name in ("weight", "bias"):
        for layer in layers:
            if (drawn := getattr(layer, name)) is not None:
                z = torch.empty_like(drawn).normal_(generator=source).double()
                expected = layer.weight.shape[1] ** -0.5 * (2 * torch.special.ndtr(z) - 1)
                torch.testing.assert_close(drawn.detach().double(), expected, rtol=1e-5, atol=1e-9)


def test_only_dense_layers_change_and_they_still_train() -> None:
    net = Net("relu")
    initialize(net, Normal(sigma=0.5))
    assert torch.equal(net.body[1].weight, torch.ones(200))
    assert all(p.requires_grad and p.is_leaf and p.grad_fn is None for p in net.parameters())
    assert torch.equal(net.head.bias, torch.zeros(10))
    # 30 * 200 draws: five standard errors of the sample std.
    assert abs(net.body[0].weight.std().item() - 0.5) < 5 * 0.5 / math.sqrt(2 * 6000)


def test_one_seed_gives_one_set_of_weights() -> None:
    first, again, other = (weights(Kaiming(), seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_the_size_of_a_draw_moves_no_other_stream() -> None:
    state = torch.get_rng_state()
    order = []
    for width in (200, 300):
        with torch.random.fork_rng():
            net = Net("relu", width)
        initialize(net, Kaiming(), generator=generator("init", 0))
        order.append(torch.randperm(100, generator=generator("order", 0)))
    assert torch.equal(order[0], order[1])
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_generator_torchs_global_one_is_used() -> None:
    nets = [Net("relu") for _ in range(2)]
    for net in nets:
        torch.manual_seed(7)
        initialize(net, Kaiming())
    assert torch.equal(nets[0].head.weight, nets[1].head.weight)


def test_a_model_without_dense_layers_is_refused() -> None:
    with pytest.raises(UserError, match=r"init=normal, sigma 0\.01: LayerNorm has no layer to initialise, but weight"):
        initialize(nn.LayerNorm(3), Normal())


def test_an_activation_that_is_not_a_known_name_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.activation=swish: must be one of relu"):
        initialize(Net("swish"), Kaiming())
