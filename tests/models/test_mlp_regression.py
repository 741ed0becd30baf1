"""The regression MLP against torch's own layers, and on XOR."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from initlab import nn
from initlab.data import TruthTable
from initlab.errors import UserError
from initlab.init import Normal, Xavier, initialize
from initlab.models import MLPRegression
from initlab.nn import ACTIVATIONS
from initlab.seeds import generator

XOR = TruthTable(inputs=[[0, 0], [0, 1], [1, 0], [1, 1]], outputs=[0, 1, 1, 0])


@pytest.mark.parametrize("layers", ["scratch", "torch"])
@pytest.mark.parametrize(("phi", "psi"), [("relu", "identity"), ("tanh", "sigmoid"), ("sigmoid", "tanh")])
@pytest.mark.parametrize(("loss", "factor"), [("half_squared_error", 0.5), ("squared_error", 1.0)])
def test_equals_torch_sequential(layers: str, phi: str, psi: str, loss: str, factor: float) -> None:
    ours = MLPRegression(
        4, 2, num_hiddens=[7, 5], activation=phi, output_activation=psi, loss=loss, layers=layers
    )  # fmt: skip
    parts: list[torch.nn.Module] = []
    for i, o in pairwise([4, 7, 5, 2]):
        parts += [torch.nn.Linear(i, o), ACTIVATIONS[phi].torch_module()]
    theirs = torch.nn.Sequential(*parts[:-1], ACTIVATIONS[psi].torch_module())
    theirs.load_state_dict({f"{2 * int(k.split('.')[1])}.{k.split('.')[2]}": v for k, v in ours.state_dict().items()})
    X, y = torch.randn(9, 2, 2), torch.randn(9, 2)
    found, expected = ours.loss(ours(X), y), factor * torch.nn.functional.mse_loss(theirs(X.flatten(1)), y)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def steps(scheme: Any, seed: int, num_steps: int) -> MLPRegression:
    X, y = XOR.splits.train
    model = MLPRegression(
        2, num_hiddens=[10, 10], activation="sigmoid", output_activation="sigmoid",
        optimizer=partial(nn.SGD, lr=2.0, momentum=0.9),
    )  # fmt: skip
    initialize(model, scheme, generator=generator("init", seed))
    optimizer = model.make_optimizer(model.parameters())
    for _ in range(num_steps):
        optimizer.zero_grad()
        model.loss(model(X), y).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("seed", range(4))
def test_xor_is_learned(seed: int) -> None:
    X, y = XOR.splits.train
    y_hat = steps(Xavier(), seed, 600)(X)
    assert ((y_hat > 0.5) == (y == 1)).all()


def test_xor_is_not_learned_from_weights_that_are_too_small() -> None:
    X, y = XOR.splits.train
    model = steps(Normal(sigma=0.01), 0, 600)
    torch.testing.assert_close(model(X), torch.full((4, 1), 0.5), rtol=0, atol=1e-3)
    assert model.loss(model(X), y).item() == pytest.approx(0.125, abs=1e-5)  # 0.5^2 / 2


def test_accuracy_is_of_whole_rows_and_of_answers_between_0_and_1() -> None:
    model = MLPRegression(2, 2, output_activation="sigmoid")
    y_hat, y = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.2, 0.1]]), torch.tensor([[1.0, 0], [0, 0], [0, 0]])
    assert model.metrics == ("loss", "acc")
    assert {name: int(value) for name, value in model.figures(y_hat, y).items()} == {"acc": 2}
    model = MLPRegression(2, 2)
    assert (model.metrics, model.figures(y_hat, y)) == (("loss",), {})


def test_a_checkpoint_is_plain_and_loads_alone(fit: Callable[..., Any], tmp_path: Path) -> None:
    model = MLPRegression(2, num_hiddens=[3], activation="gelu", output_activation="sigmoid", loss="squared_error")
    fit(model, XOR).save_checkpoint(tmp_path / "x.ckpt")
    torch.load(tmp_path / "x.ckpt", weights_only=True)
    loaded = MLPRegression.load_from_checkpoint(tmp_path / "x.ckpt")
    X, y = XOR.splits.train
    assert torch.equal(loaded(X), model(X))
    assert torch.equal(loaded.loss(loaded(X), y), model.loss(model(X), y))


def test_a_wrong_output_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.output_activation=sigmoidal: .*did you mean sigmoid\?"):
        MLPRegression(2, output_activation="sigmoidal")
