"""Step sizes that follow the width, held against training: an lr serves every width, or it does not."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from initlab import nn
from initlab.init import Kaiming, MuP, Scheme, dense_layers, initialize, step_size_factors, with_step_sizes
from initlab.models import MLP, SoftmaxRegression
from initlab.seeds import generator

WIDTHS = (64, 256, 1024)
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": partial(nn.SGD, lr=0.03, momentum=0.9), "adam": partial(torch.optim.Adam, lr=0.003),
}  # fmt: skip


def change(scheme: Scheme, width: int, make: Callable[..., torch.optim.Optimizer]) -> list[float]:
    """Root mean square of what five steps change in each layer's output; 3 dense layers, a batch learnt by heart."""
    rng = generator("x", 0)
    X, y = torch.randn(64, 30, generator=rng), torch.randint(10, (64,), generator=rng)
    model = MLP(30, 10, num_hiddens=[width, width])
    initialize(model, scheme, generator=generator("init", 0))
    seen: list[Tensor] = []
    for layer in model.layers:
        layer.register_forward_hook(lambda _layer, _args, z: seen.append(z.detach().clone()))
    optimizer = with_step_sizes(make, model, scheme)(model.parameters())
    for _ in range(5):
        optimizer.zero_grad()
        model.loss(model(X), y).backward()
        optimizer.step()
    model(X)
    return [float((after - before).square().mean().sqrt()) for before, after in zip(seen[:3], seen[-3:], strict=True)]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_what_training_changes_is_the_same_at_every_width_under_mup_alone(kind: str) -> None:
    """The coordinate check of Yang et al. (2022, appendix D.1): exponents of the change in the width. In theory 0 for
    muP; five steps of one draw of widths 64 to 1024 leave 0.2. With one lr for all, the logits of SGD and of Adam move
    with the width, by an exponent of up to 1 while the changes are small."""
    exponents = {}
    for scheme in (MuP(base_width=64), Kaiming()):
        changes = np.array([change(scheme, width, OPTIMIZERS[kind]) for width in WIDTHS])
        exponents[type(scheme)] = np.polyfit(np.log(WIDTHS), np.log(changes), 1)[0]
    assert np.abs(exponents[MuP]).max() < 0.2, exponents
    assert exponents[Kaiming].max() > 0.4, exponents


def test_the_factors_are_those_of_the_table() -> None:
    """Yang et al. 2022, table 3, over their values at the base width: lr by fan_out in the first layer and the biases
    of SGD, by 1 / fan_in where a width comes in, for SGD in the last layer, for Adam in the hidden layers too."""
    model = MLP(30, 10, num_hiddens=[128, 256])
    assert step_size_factors(model, MuP(base_width=64), "sgd") == {
        "layers.0.weight": 2.0, "layers.0.bias": 2.0, "layers.1.weight": 1.0, "layers.1.bias": 4.0,
        "layers.2.weight": 0.25, "layers.2.bias": 1.0,
    }  # fmt: skip
    adam = step_size_factors(model, MuP(base_width=64), "adam")
    assert [adam[f"layers.{i}.weight"] for i in range(3)] == [1.0, 0.5, 0.25]
    assert {adam[f"layers.{i}.bias"] for i in range(3)} == {1.0}
    assert set(step_size_factors(model, Kaiming(), "sgd").values()) == {1.0}
    assert set(step_size_factors(SoftmaxRegression(30, 10), MuP(base_width=64), "sgd").values()) == {1.0}


def test_groups_hold_every_parameter_once_the_plain_lr_first() -> None:
    model = MLP(30, 10, num_hiddens=[128, 256])
    optimizer = with_step_sizes(OPTIMIZERS["sgd"], model, MuP(base_width=64))(model.parameters())
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(map(id, model.parameters()))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.03, 0.06, 0.12, 0.0075])
    assert {group["momentum"] for group in optimizer.param_groups} == {0.9}
    plain = with_step_sizes(OPTIMIZERS["sgd"], model, Kaiming())(model.parameters())
    assert [group["lr"] for group in plain.param_groups] == [0.03]


def test_what_it_came_to_is_said() -> None:
    assert MuP(base_width=64).notes([30, 64, 64, 10], "sgd", ())[0].startswith("mup       every layer at lr")
    said = MuP(base_width=64).notes([30, 128, 128, 128, 10], "adam", ())[0]
    assert said == "mup       lr of the weights, first layer to last, times 1, 0.5 (3 layers) (Adam, base 64)"


class HeadFirst(torch.nn.Module):
    """A module that registers its readout before the layers in front of it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(256, 10)
        self.second = nn.Linear(128, 256)
        self.first = nn.Linear(30, 128)

    def forward(self, X: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(torch.relu(self.first(X)))))


def test_the_readout_is_the_layer_that_the_forward_pass_reaches_last() -> None:
    model, scheme = HeadFirst(), MuP(base_width=64)
    batch = lambda: torch.zeros(2, 30)  # noqa: E731
    assert [name for name, _ in dense_layers(model)] == ["head", "second", "first"]
    assert [name for name, _ in dense_layers(model, batch())] == ["first", "second", "head"]
    initialize(model, scheme, generator=generator("init", 0), batch=batch)
    hidden = ((model.first, (2 / 30) ** 0.5), (model.second, (2 / 128) ** 0.5))  # the gain of ReLU
    for layer, promised in (*hidden, (model.head, 64**0.5 / 256)):
        assert float(layer.weight.detach().std()) == pytest.approx(promised, rel=0.1)
    chain = step_size_factors(MLP(30, 10, num_hiddens=[128, 256]), scheme, "sgd")
    renamed = {name.replace("layers.0", "first").replace("layers.1", "second").replace("layers.2", "head"): factor
               for name, factor in chain.items()}  # fmt: skip
    assert step_size_factors(model, scheme, "sgd", batch) == renamed
    optimizer = with_step_sizes(OPTIMIZERS["sgd"], model, scheme, batch)(model.parameters())
    lr = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert lr[id(model.head.weight)] == pytest.approx(0.03 / 4)
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert model.training


@pytest.mark.parametrize(
    "make",
    [
        partial(nn.SGD, lr=0.03, weight_decay=0.01),
        partial(torch.optim.SGD, lr=0.03, weight_decay=0.01),
        partial(torch.optim.Adam, lr=0.003, weight_decay=0.01),
        partial(torch.optim.AdamW, lr=0.003, weight_decay=0.01),
    ],
)
def test_weight_decay_times_lr_is_the_same_in_every_group(make: Callable[..., torch.optim.Optimizer]) -> None:
    """As MuSGD, MuAdam and MuAdamW of microsoft/mup: what multiplies lr divides weight_decay."""
    model = MLP(30, 10, num_hiddens=[128, 256])
    groups = with_step_sizes(make, model, MuP(base_width=64))(model.parameters()).param_groups
    assert len(groups) > 1
    pulls = {round(group["lr"] * group["weight_decay"], 12) for group in groups}
    assert pulls == {round(groups[0]["lr"] * 0.01, 12)}
