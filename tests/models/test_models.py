"""The models against torch, autograd and their own algebra."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab import nn
from initlab.data import SyntheticRegression
from initlab.data.batches import Batches
from initlab.errors import UserError
from initlab.init import Constant, Kaiming, Normal, Zeros, initialize
from initlab.models import MLP, LinearRegression, Module, SoftmaxRegression
from initlab.nn import ACTIVATIONS
from initlab.seeds import generator


class Blobs:
    """Rows of noise with labels, 150 of them, so that the last batch of 64 is short."""

    num_inputs, num_outputs = 20, 5

    def __init__(self) -> None:
        g = torch.Generator().manual_seed(7)
        self.X = torch.randn(150, 20, generator=g)
        self.y = torch.randint(5, (150,), generator=g)

    def as_datamodule(self, seed: int = 0) -> Any:
        import lightning as L

        blobs = self

        class Data(L.LightningDataModule):
            def train_dataloader(self) -> Batches:
                return Batches(blobs.X, blobs.y, 64, seed=seed)

            def val_dataloader(self) -> Batches:
                return Batches(blobs.X, blobs.y, 64)

        return Data()


def steps(model: Module, X: torch.Tensor, y: torch.Tensor, num_steps: int = 50) -> list[float]:
    """The losses of full-batch training by hand."""
    optimizer = model.make_optimizer(model.parameters())
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = model.loss(model(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@settings(max_examples=25)
@given(
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    hiddens=st.lists(st.integers(1, 24), min_size=1, max_size=4),
    bias=st.booleans(),
)
def test_mlp_equals_torch_sequential(activation: str, hiddens: list[int], bias: bool) -> None:
    blobs = Blobs()
    ours = MLP(20, 5, num_hiddens=hiddens, activation=activation, bias=bias)
    layers: list[torch.nn.Module] = []
    for i, o in pairwise([20, *hiddens, 5]):
        layers += [torch.nn.Linear(i, o, bias=bias), ACTIVATIONS[activation].torch_module()]
    theirs = torch.nn.Sequential(*layers[:-1])
    theirs.load_state_dict({f"{2 * int(k.split('.')[1])}.{k.split('.')[2]}": v for k, v in ours.state_dict().items()})
    y_hat = ours(blobs.X)
    torch.testing.assert_close(y_hat, theirs(blobs.X))  # torch's own tolerance for float32
    ours.loss(y_hat, blobs.y).backward()
    torch.nn.functional.cross_entropy(theirs(blobs.X), blobs.y).backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


@pytest.mark.parametrize("make", [partial(MLP, 20, 5, num_hiddens=[16, 8]), partial(SoftmaxRegression, 20, 5)])
def test_torch_layers_give_the_same_trajectory_from_the_same_weights(make: Callable[..., Module]) -> None:
    blobs = Blobs()
    scratch, torchs = make(layers="scratch"), make(layers="torch")
    torchs.load_state_dict(scratch.state_dict())
    ours, theirs = steps(scratch, blobs.X, blobs.y), steps(torchs, blobs.X, blobs.y)
    # 50 steps may each add a rounding of 2^-24; chaos has no time to set in at lr 0.1.
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-5, atol=1e-6)
    assert ours[-1] < ours[0]


def test_linear_torch_layers_and_both_losses() -> None:
    X, y = torch.randn(64, 3), torch.randn(64, 1)
    for loss, factor in [("half_squared_error", 0.5), ("squared_error", 1.0)]:
        scratch, torchs = LinearRegression(3, loss=loss), LinearRegression(3, loss=loss, layers="torch")
        torchs.load_state_dict(scratch.state_dict())
        expected = factor * torch.nn.functional.mse_loss(scratch(X), y)
        torch.testing.assert_close(scratch.loss(scratch(X), y), expected)
        torch.testing.assert_close(torchs.loss(torchs(X), y), expected)


def test_an_mlp_of_equal_weights_stays_symmetric() -> None:
    """d2l 5.4.1.3: nothing tells one hidden unit from another."""
    blobs = Blobs()
    for scheme in (Zeros(), Constant(value=0.1)):
        model = MLP(20, 5, num_hiddens=[16], activation="sigmoid")
        initialize(model, scheme)
        losses = steps(model, blobs.X, blobs.y)
        assert losses[-1] < losses[0]
        hidden = model.layers[0].weight.detach()
        assert hidden.abs().max() > 0
        assert torch.equal(hidden, hidden[:1].expand_as(hidden))  # every unit equal to the first, to the bit


def test_a_relu_mlp_of_zeros_moves_nothing_but_the_last_bias() -> None:
    blobs = Blobs()
    model = MLP(20, 5, num_hiddens=[16, 16])
    initialize(model, Zeros())
    steps(model, blobs.X, blobs.y)
    moved = {name for name, p in model.named_parameters() if p.detach().any()}
    assert moved == {"layers.2.bias"}


def test_zeros_are_fine_for_the_linear_model() -> None:
    data = SyntheticRegression(noise=0.0)
    X, y = data.splits.train
    model = LinearRegression(2, optimizer=partial(nn.SGD, lr=0.5))
    initialize(model, Zeros())
    steps(model, X, y, num_steps=200)
    torch.testing.assert_close(model.net.weight.detach(), torch.tensor([[2.0, -3.4]]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_epoch_metrics_are_means_over_examples_not_over_batches(fit: Callable[..., Any], accumulate: int) -> None:
    blobs = Blobs()
    model = SoftmaxRegression(20, 5, optimizer=partial(nn.SGD, lr=0.0))  # weights stay, so the oracle is one pass
    fit(model, blobs.as_datamodule(), accumulate_grad_batches=accumulate)
    with torch.no_grad():
        logits = model(blobs.X).double()
    loss = torch.nn.functional.cross_entropy(logits, blobs.y).item()
    accuracy = (logits.argmax(1) == blobs.y).double().mean().item()
    for split in ("train", "val"):
        assert model.latest[f"{split}/loss"] == pytest.approx(loss, rel=1e-6)  # float32 losses of three batches
        assert model.latest[f"{split}/acc"] == accuracy


def test_a_checkpoint_is_plain_and_loads_alone(fit: Callable[..., Any], tmp_path: Path) -> None:
    blobs = Blobs()
    model = MLP(20, 5, depth=3, width=8, activation="gelu", optimizer=partial(torch.optim.Adam, lr=0.01))
    trainer = fit(model, blobs.as_datamodule())
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    torch.load(tmp_path / "x.ckpt", weights_only=True)
    loaded = MLP.load_from_checkpoint(tmp_path / "x.ckpt")
    assert torch.equal(loaded(blobs.X), model(blobs.X))


def test_schedule_and_clipping_reach_the_steps(fit: Callable[..., Any]) -> None:
    blobs = Blobs()
    model = SoftmaxRegression(20, 5, optimizer=partial(nn.SGD, lr=0.5), scheduler=nn.schedule.cosine)
    initialize(model, Normal(), generator=generator("init", 0))
    before = model.net.weight.detach().clone()
    fit(model, blobs.as_datamodule(), max_epochs=2, gradient_clip_val=1e-3)
    assert model.latest["lr"] == pytest.approx(0, abs=1e-8)  # the end of the cosine after exactly six steps
    # six steps of at most lr * clip each
    assert 0 < (model.net.weight.detach() - before).norm() <= 6 * 0.5 * 1e-3


@pytest.mark.parametrize("loss", ["half_squared_error", "squared_error"])
def test_linear_regression_shrinks_the_error_as_derived(fit: Callable[..., Any], loss: str) -> None:
    """With inputs of unit variance E[error] shrinks by (1 - lr) a step, (1 - 2 lr) without the 1/2 in the loss:
    0.97^96 and 0.94^96 of the truth are left. Over 60 seeds one run's standard deviation is known to be at most
    0.033 and 0.003; the mean of 12 may be off by five of its standard errors."""
    seeds = range(12)
    errors = []
    for seed in seeds:
        data = SyntheticRegression(seed=seed)
        model = LinearRegression(2, loss=loss, optimizer=partial(nn.SGD, lr=0.03))
        initialize(model, Normal(sigma=0.01), generator=generator("init", seed))
        fit(model, data, max_epochs=3)
        errors.append([model.latest[f"error/{name}"] for name in ("w0", "w1", "b")])
        assert model.latest["error/distance"] == pytest.approx(torch.tensor(errors[-1]).norm().item())
    factor, deviation = (0.97**96, 0.033) if loss == "half_squared_error" else (0.94**96, 0.003)
    expected = factor * torch.tensor([2.0, -3.4, 4.2])
    tolerance = 5 * deviation / len(seeds) ** 0.5
    torch.testing.assert_close(torch.tensor(errors).mean(0), expected, atol=tolerance, rtol=0)


def test_of_many_weights_only_the_distance_from_the_truth_is_reported(fit: Callable[..., Any]) -> None:
    for num_inputs, named in [(10, True), (11, False)]:
        data = SyntheticRegression(w=[0.5] * num_inputs, b=2.0, num_train=4)
        model = LinearRegression(num_inputs, optimizer=partial(nn.SGD, lr=0.01))
        fit(model, data)
        left = torch.cat([0.5 - model.net.weight.detach().flatten(), 2 - model.net.bias.detach()])
        assert model.latest["error/distance"] == pytest.approx(left.norm().item(), rel=1e-5)  # float32 sums
        assert model.latest["error/b"] == pytest.approx(left[-1].item())
        assert ("error/w0" in model.latest) == named


def test_width_and_depth() -> None:
    assert [layer.weight.shape[0] for layer in MLP(4, 3, depth=2, width=7).layers] == [7, 7, 3]
    with pytest.raises(UserError, match=r"model.num_hiddens=\[\]"):
        MLP(4, 3, num_hiddens=[])
    with pytest.raises(UserError, match="did you mean relu"):
        MLP(4, 3, activation="rleu")


def test_parameters_are_registered_and_batches_of_models_work() -> None:
    """`torch.func` sees a pure function, so a whole population can run as one."""
    models = [MLP(20, 5, num_hiddens=[8]) for _ in range(3)]
    for i, model in enumerate(models):
        initialize(model, Kaiming(), generator=generator("init", i))
    stacked, buffers = torch.func.stack_module_state(models)  # type: ignore[arg-type]
    X = Blobs().X
    together = torch.func.vmap(lambda p, b: torch.func.functional_call(models[0], (p, b), (X,)))(stacked, buffers)
    torch.testing.assert_close(together, torch.stack([model(X) for model in models]))
