"""The backward pass by hand against autograd, and against differences."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from initlab import nn
from initlab.nn import ACTIVATIONS

LOSSES = {
    "cross_entropy": (nn.cross_entropy, nn.cross_entropy_and_gradient),
    "squared_error": (nn.squared_error, nn.squared_error_and_gradient),
}


def network(sizes: list[int], activation: str, bias: bool, seed: int) -> list[torch.nn.Module]:
    torch.manual_seed(seed)
    modules: list[torch.nn.Module] = []
    for num_inputs, num_outputs in pairwise(sizes):
        modules += [nn.Linear(num_inputs, num_outputs, bias=bias), nn.Activation(activation)]
    return modules[:-1]


def target(loss: str, batch: int, num_outputs: int) -> Tensor:
    if loss == "cross_entropy":
        return torch.randint(num_outputs, (batch,))
    return torch.randn(batch, num_outputs, dtype=torch.float64)


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=6),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(sorted(LOSSES)),
    bias=st.booleans(),
    batch=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_gradients_are_autograds(
    sizes: list[int], activation: str, loss: str, bias: bool, batch: int, seed: int
) -> None:
    net = torch.nn.Sequential(*network(sizes, activation, bias, seed)).double()
    X, y = torch.randn(batch, sizes[0], dtype=torch.float64), target(loss, batch, sizes[-1])
    value, both = LOSSES[loss]
    value(net(X), y).backward()
    expected = {name: p.grad for name, p in net.named_parameters()}

    chain = nn.Chain(list(net))
    for times in (1, 2, 1):  # the second is added to the first, as autograd does
        net.zero_grad(set_to_none=True)
        for _ in range(times):
            y_hat = chain.forward(X)
            loss_by_hand, gradient = both(y_hat, y)
            assert torch.equal(loss_by_hand, value(y_hat, y))
            chain.backward(gradient)
        for name, p in net.named_parameters():
            torch.testing.assert_close(p.grad, times * expected[name], rtol=1e-11, atol=1e-13)  # float64 rounding


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_gradients_are_the_differences(activation: str, loss: str) -> None:
    """`torch.autograd.gradcheck`: its numerical differences against ours."""
    chain = nn.Chain(network([4, 5, 3], activation, True, seed=0))
    parameters = [p for module in chain.modules for p in module.double().parameters()]
    X, y = torch.randn(6, 4, dtype=torch.float64), target(loss, 6, 3)
    value, both = LOSSES[loss]

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, *values: Tensor) -> Tensor:
            for p, v in zip(parameters, values, strict=True):
                p.data = v.detach().clone()
            return value(chain.forward(X), y)

        @staticmethod
        def backward(ctx: object, *upstream: Tensor) -> tuple[Tensor, ...]:
            for p in parameters:
                p.grad = None
            chain.backward(both(chain.forward(X), y)[1])
            return tuple(upstream[0] * p.grad for p in parameters if p.grad is not None)

    assert torch.autograd.gradcheck(ByHand.apply, [p.detach().clone().requires_grad_() for p in parameters])


def test_a_frozen_parameter_gets_no_gradient_and_what_lies_before_it_does() -> None:
    chain = nn.Chain(network([3, 4, 2], "tanh", True, seed=1))
    first, last = chain.modules[0], chain.modules[-1]
    last.weight.requires_grad_(False)
    chain.backward(nn.squared_error_and_gradient(chain.forward(torch.randn(5, 3)), torch.randn(5, 2))[1])
    assert last.weight.grad is None
    assert first.weight.grad is not None


def test_it_says_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="Conv2d"):
        nn.Chain([torch.nn.Conv2d(1, 1, 1)])


def test_gradients_stay_in_the_same_memory() -> None:
    chain = nn.Chain(network([3, 4, 2], "relu", True, seed=1))
    X, y = torch.randn(5, 3), torch.randint(2, (5,))
    where = []
    for _ in range(2):
        for module in chain.modules:
            module.zero_grad(set_to_none=True)
        chain.backward(nn.cross_entropy_and_gradient(chain.forward(X), y)[1])
        where.append([p.grad.data_ptr() for m in chain.modules for p in m.parameters()])
    assert where[0] == where[1]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("hooked", [None, [0, 1, 2, 3, 4], [0], [1], [2]])
def test_hooks_see_the_signals_and_change_nothing(activation: str, hooked: list[int] | None) -> None:
    """Without hooks signals are overwritten in memory that is kept; with them each module is called."""
    net = torch.nn.Sequential(*network([5, 4, 4, 3], activation, True, seed=1))
    X, y = torch.randn(6, 5), torch.randint(3, (6,))

    def gradients() -> list[Tensor]:
        net.zero_grad()
        chain = nn.Chain(list(net))
        for _ in range(2):
            chain.backward(nn.cross_entropy_and_gradient(chain.forward(X), y)[1])
        return [p.grad.clone() for p in net.parameters() if p.grad is not None]

    alone, seen = gradients(), []

    def see(module: torch.nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        if module is not net:
            seen.append((args[0], args[0].clone(), output, output.clone()))

    register = torch.nn.modules.module.register_module_forward_hook
    handles = [register(see)] if hooked is None else [net[i].register_forward_hook(see) for i in hooked]
    watched = gradients()
    for handle in handles:
        handle.remove()
    assert len(seen) == 2 * len(net if hooked is None else hooked)
    for before, then, after, at_that_time in seen:
        assert torch.equal(before, then)
        assert torch.equal(after, at_that_time)
    assert all(torch.equal(a, b) for a, b in zip(alone, watched, strict=True))
