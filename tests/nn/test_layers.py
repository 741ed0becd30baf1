import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call, stack_module_state, vmap

from initlab.nn import Linear

sizes = st.integers(1, 40)


@settings(max_examples=30)
@given(sizes, sizes, sizes, st.booleans(), st.integers(0, 2**32))
def test_values_and_gradients_equal_torchs(
    batch: int, num_inputs: int, num_outputs: int, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    ours = Linear(num_inputs, num_outputs, bias=bias).double()
    torchs = torch.nn.Linear(num_inputs, num_outputs, bias=bias).double()
    torchs.load_state_dict(ours.state_dict())  # strict: same names, same shapes
    X = torch.randn(batch, num_inputs, dtype=torch.float64, requires_grad=True)
    X_torch = X.detach().clone().requires_grad_()
    y_hat, y_hat_torch = ours(X), torchs(X_torch)
    towards = torch.randn_like(y_hat)
    y_hat.backward(towards)
    y_hat_torch.backward(towards)
    # Sums of at most 40 products of float64 numbers near 1, in any order.
    torch.testing.assert_close(y_hat, y_hat_torch, rtol=0, atol=1e-12)
    torch.testing.assert_close(X.grad, X_torch.grad, rtol=0, atol=1e-12)
    for ours_p, torchs_p in zip(ours.parameters(), torchs.parameters(), strict=True):
        torch.testing.assert_close(ours_p.grad, torchs_p.grad, rtol=0, atol=1e-12)


@given(num_inputs=st.integers(1, 1000), seed=st.integers(0, 2**32))
def test_a_fresh_layer_holds_the_numbers_of_a_fresh_torch_layer(num_inputs: int, seed: int) -> None:
    torch.manual_seed(seed)
    ours = Linear(num_inputs, 7)
    torch.manual_seed(seed)
    torchs = torch.nn.Linear(num_inputs, 7)
    assert torch.equal(ours.weight, torchs.weight)
    assert torch.equal(ours.bias, torchs.bias)


def test_a_stack_of_models_runs_as_one() -> None:
    models = [Linear(3, 2) for _ in range(4)]
    parameters, buffers = stack_module_state(models)
    X = torch.randn(5, 3)
    y_hat = vmap(lambda p, b: functional_call(models[0], (p, b), X))(parameters, buffers)
    torch.testing.assert_close(y_hat, torch.stack([model(X) for model in models]))


def test_shapes_are_checked_and_shown() -> None:
    assert repr(Linear(3, 2, bias=False)) == "Linear(num_inputs=3, num_outputs=2, bias=False)"
    with pytest.raises(RuntimeError, match="shape"):
        Linear(3, 2)(torch.randn(5, 4))
