"""What is wrong is said, and nothing else: on rows made by hand, and on real short runs of both kinds."""

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from made_up import history, mlp, outline_from_names

from initlab import nn
from initlab.callbacks import SignalMonitor
from initlab.data.batches import Batches
from initlab.diagnosis.finding import Finding, first_to_last
from initlab.diagnosis.findings import find
from initlab.diagnosis.findings_report import FindingsReport
from initlab.diagnosis.outline import Outline, outline_of
from initlab.diagnosis.symmetry import alike_layers
from initlab.init import Constant, Kaiming, Normal, TorchDefault, Xavier, Zeros, initialize
from initlab.models import MLP, LinearRegression, SoftmaxRegression
from initlab.seeds import generator

DEPTH = 6  # layers of the made-up net: five in the chain


def found(values: dict[Any, Any], over: bool = True, steps: Any = range(10), **more: Any) -> dict[str, Finding]:
    made = history(values, steps)
    return {finding.kind: finding for finding in find(made, outline_from_names(made), over=over, **more)}


def test_a_healthy_history_has_no_finding() -> None:
    steps = np.arange(400)
    losses = 2.3 * np.exp(-steps / 100) + np.random.default_rng(0).normal(0, 0.1, 400)
    assert found(mlp(DEPTH), steps=range(40), losses=(steps, losses)) == {}


@pytest.mark.parametrize("factor", [0.1, 0.2])
def test_vanishing_signal_names_chain_factor_and_step_0(factor: float) -> None:
    finding = found(mlp(DEPTH, std=lambda i: factor**i))["vanishing signal"]
    assert finding.value == pytest.approx(factor)  # a geometric series by construction
    assert finding.layers == tuple(f"layers.{i}" for i in range(DEPTH - 1))  # without the output layer
    assert finding.from_the_start
    assert "from step 0, the initialisation" in finding.sentence


def test_exploding_gradient_counts_backwards() -> None:
    finding = found(mlp(DEPTH, grad_std=lambda i: 4.0 ** (DEPTH - i)))["exploding gradient"]
    assert finding.value == pytest.approx(4.0)


@pytest.mark.parametrize(("factor", "kinds"), [(0.22, set()), (0.2, {"vanishing gradient"})])
def test_the_limit_of_the_gradient_is_the_forecasts_with_its_edge(factor: float, kinds: set[str]) -> None:
    """-2.25 - 0.5 decades; four ratios between five layers: 0.22^4 = 10^-2.63, 0.2^4 = 10^-2.80."""
    assert set(found(mlp(DEPTH, grad_std=lambda i: factor ** (DEPTH - i)))) == kinds


def test_adam_bears_more() -> None:
    made = history(mlp(DEPTH, grad_std=lambda i: 0.1 ** (DEPTH - i)))  # four decades
    plain = outline_from_names(made)
    adam = Outline(plain.chain, plain.activations, plain.bounded, plain.matrices, scale_free=True)
    assert [f.kind for f in find(made, plain, over=True)] == ["vanishing gradient"]
    assert find(made, adam, over=True) == []


def test_a_few_branches_that_begin_at_zero_are_no_trend() -> None:
    """Every second gradient a thousand times smaller, as in a ResNet whose residual branches end in zeros."""
    assert found(mlp(20, grad_std=lambda i: 1e-3 if i % 2 else 1e-6)) == {}
    assert found(mlp(20, grad_std=lambda i: 1e-3 if i > 1 else 1e-12)) == {}


def test_a_signal_that_ends_in_zeros_has_vanished() -> None:
    finding = found(mlp(DEPTH, std=lambda i: 1.0 if i < 3 else 0.0))["vanishing signal"]
    assert finding.value == 0


def thrown(values: dict[Any, Any]) -> dict[Any, Any]:
    """At step 0 the gradient grows tenfold a layer on its way back, 10^4 in all; from step 3 on it vanishes."""
    for i in range(DEPTH):
        later = 0.1 ** (DEPTH - i)
        values[f"layers.{i}", "grad_std"] = lambda step, i=i, later=later: 10.0 ** (DEPTH - i) if step < 3 else later
    return values


def test_a_gradient_that_explodes_at_step_0_is_the_cause_of_one_that_vanishes_later() -> None:
    assert set(found(thrown(mlp(DEPTH)))) == {"exploding gradient"}
    finding = found(thrown(mlp(DEPTH)))["exploding gradient"]
    assert (finding.since, finding.value) == (0, pytest.approx(10.0))


def test_a_gradient_that_explodes_at_step_0_of_a_run_that_trains_is_no_finding() -> None:
    values = mlp(DEPTH)
    for i in range(DEPTH):
        values[f"layers.{i}", "grad_std"] = lambda step, i=i: 10.0 ** (DEPTH - i) if step < 3 else 1e-3
    steps = np.arange(400)
    falls = 2.3 * np.exp(-steps / 100)
    assert found(values, steps=range(40), losses=(steps, falls)) == {}
    assert set(found(values, steps=range(40), losses=(steps, 2.3 + 0 * steps))) == {
        "exploding gradient", "loss not moving",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "kinds"),
    [
        ([1.0] * 5 + [30.0] * 5 + [9.0] * 20, {"loss rising"}),
        ([1.0] + [30.0] * 10 + [0.9] * 19, set()),  # a spike that has passed
        ([1.0] + [1.4] * 29, set()),
        ([-1.0] + [1.0] * 29, set()),  # a loss of both signs is no measure
        ([1.0] + [9.0] * 15, set()),  # 16 steps tell nothing
    ],
)
def test_a_loss_that_ends_above_its_start(losses: list[float], kinds: set[str]) -> None:
    assert set(found(mlp(3), losses=(range(len(losses)), losses))) == kinds


@pytest.mark.parametrize(
    ("losses", "kinds"),
    [
        ([4.0**i for i in range(13)], {"loss rising"}),
        ([1.0] + [9.0] * 12, set()),  # it rose once
        ([1.0, 8.0, 3.0] + [4.0 + i for i in range(9)] + [7.9], set()),
    ],
)
def test_a_short_run_diverges_whose_last_batches_are_all_above_its_first_ones(
    losses: list[float], kinds: set[str]
) -> None:
    """Of 32 updates the default monitor has 13 losses."""
    assert set(found(mlp(3), losses=([*range(11), 20, 30], losses))) == kinds


def test_dead_layer_by_training_names_layer_step_and_share() -> None:
    values = mlp(DEPTH)
    values["phi.2", "dead"] = lambda step: 0.9 if step >= 4 else 0.1
    finding = found(values, over=False, steps=range(12))["dead layer"]
    assert (finding.layers, finding.since, finding.value) == (("phi.2",), 4, 0.9)
    assert "by training" in finding.sentence
    assert "90%" in finding.sentence


def test_one_bad_batch_or_one_that_has_passed_is_no_finding() -> None:
    values = mlp(DEPTH)
    for bad in ({3}, {11}, set(range(7))):
        values["phi.2", "dead"] = lambda step, bad=bad: 0.9 if step in bad else 0.1
        assert found(values, over=False, steps=range(12)) == {}


def test_saturation_is_of_bounded_functions_only() -> None:
    tanh = {"min": -1.0, "max": 1.0, "active": 0.5, "dead": 0.0, "saturated": 0.8}
    assert found(mlp(DEPTH, **tanh))["saturated layer"].value == 0.8
    relu = {"min": 0.0, "max": 0.9, "active": 0.2, "dead": 0.0, "saturated": 0.8}  # small, and flat where it is off
    gelu = {"min": -0.17, "max": 5.0, "active": 0.2, "dead": 0.0, "saturated": 0.8}
    assert found(mlp(DEPTH, **relu)) == found(mlp(DEPTH, **gelu)) == {}


@pytest.mark.parametrize(("ratio", "kinds"), [(1e-6, ["update too small"]), (0.3, ["update too large"]), (0.04, [])])
def test_update_ratio_far_from_a_thousandth(ratio: float, kinds: list[str]) -> None:
    values = mlp(3)
    for i in range(3):
        values[f"layers.{i}.weight", "update_ratio"] = ratio
    assert list(found(values, steps=range(0, 200, 10))) == kinds


FALLING = 2.35 * np.exp(-np.arange(200) / 80) + 0.2
STUCK = np.full(200, 2.3)


def known(values: dict[Any, Any], losses: Any, outputs: int = 10, over: bool = True) -> set[str]:
    """Kinds of a run of a net with so many outputs, of which everything is recorded at every tenth step."""
    made = history(values, range(0, len(losses), 10))
    outline = dataclasses.replace(outline_from_names(made), outputs=outputs)
    return {finding.kind for finding in find(made, outline, losses=(range(len(losses)), losses), over=over)}


def test_a_long_step_that_lowers_the_loss_is_not_too_long() -> None:
    values = mlp(3)
    values["layers.0.weight", "update_ratio"] = 0.15
    assert known(values, FALLING) == set()
    assert known(values, STUCK) == {"update too large", "loss not moving"}
    assert (
        known(values, FALLING[:60], over=False) == known(values, STUCK[:60], over=False) == set()
    )  # too early to tell


def test_small_weights_that_grow_make_long_steps_at_first_only() -> None:
    values = mlp(3)
    values["layers.0.weight", "update_ratio"] = lambda step: 0.3 if step < 110 else 0.02
    assert known(values, 2.3 - np.arange(200) / 1000) == set()


def test_layers_that_saturate_in_a_run_that_learns_are_no_finding() -> None:
    """Whether by the initialisation or later, but where that leaves next to no gradient it is one all the same."""
    tanh = {"min": -1.0, "max": 1.0, "active": 0.5, "dead": 0.0}
    by_training = {**tanh, "saturated": lambda step: 0.7 if step > 20 else 0.1}
    for phi in (by_training, {**tanh, "saturated": 0.6}):
        assert known(mlp(DEPTH, **phi), FALLING) == set()
        assert "saturated layer" in known(mlp(DEPTH, **phi), STUCK)
    assert known(mlp(DEPTH, **tanh, saturated=0.9), FALLING) == {"saturated layer"}


def test_a_net_that_begins_far_above_guessing_must_come_far_below_it_to_learn() -> None:
    """From 7 to 1.3 the loss falls by 80 %, and guessing among ten classes costs 2.3."""
    tanh = {"min": -1.0, "max": 1.0, "active": 0.5, "dead": 0.0, "saturated": 0.63}
    fall = 1.3 + 5.7 * np.exp(-np.arange(200) / 20)
    assert known(mlp(DEPTH, **tanh), fall) == {"saturated layer"}
    assert known(mlp(DEPTH, **tanh), fall, outputs=1) == set()  # a regression


SPARSE = [*range(100), 100, 200]  # the steps of which the default monitor has the loss, in a run of 215


@pytest.mark.parametrize(
    ("losses", "kinds"),
    [
        ([2.31] * 102, {"loss not moving"}),
        ([2.31] * 101 + [1.5], set()),  # it has just left a plateau
        ([3.0] + [1.0] * 50 + [0.4] * 51, set()),
        ([1.0] * 97 + [0.4, 2.0, 0.6, 1.6, 1.0], set()),  # too noisy to tell
    ],
)
def test_a_run_of_which_few_late_losses_are_recorded(losses: list[float], kinds: set[str]) -> None:
    assert set(found(mlp(3), losses=(SPARSE, losses))) == kinds


def test_neither_a_warm_up_nor_the_first_steps_of_small_weights_count() -> None:
    values = mlp(3)
    values["layers.0.weight", "update_ratio"] = lambda step: 1e-7 if step < 150 else 1e-3
    assert found(values, steps=range(0, 200, 10)) == {}
    values = mlp(3)
    values["layers.2.weight", "update_ratio"] = lambda step: 5.0 if step < 10 else 1e-2
    assert found(values, steps=[*range(10), 10, 20, 30, 40, 50]) == {}


def test_non_finite_names_the_first_layer_and_step_and_silences_what_comes_after() -> None:
    values = mlp(DEPTH, std=lambda i: lambda step: 1.0 if step < 4 else math.nan)
    values["phi.1", "dead"] = lambda step: 0.1 if step < 4 else 1.0
    made = history(values)
    rows = [("layers.3", 5, 7), ("layers.2", 4, 3), ("layers.4", 4, 9)]
    made.add({"step": s, "layer": n, "quantity": "nonfinite", "value": v} for n, s, v in rows)
    findings = find(made, outline_from_names(made))
    assert [(f.kind, f.layers, f.since, f.value) for f in findings] == [("non-finite", ("layers.2",), 4, 3)]
    assert json.loads(json.dumps(findings[0].record(), allow_nan=False))["since"] == 4


@pytest.mark.parametrize(
    ("first", "std", "advice"),
    [
        ("layers.0", 1.0, "look for nan in the inputs of that batch; a smaller lr"),
        ("layers.0", 1e6, "a smaller lr"),  # on its way to inf by itself
        ("layers.1", 1.0, "a smaller lr"),  # finite inputs were made into it
    ],
)
def test_a_nan_in_the_first_layer_may_have_come_with_the_batch(first: str, std: float, advice: str) -> None:
    values = mlp(DEPTH, std=lambda i: lambda step: 1.0 if step < 3 else std if step < 4 else math.nan)
    made = history(values)
    made.add([{"step": 4, "layer": first, "quantity": "nonfinite", "value": 8}])
    (finding,) = find(made, outline_from_names(made))
    assert finding.kind == "non-finite"
    assert finding.advice.startswith(advice)
    assert "training" not in finding.sentence


def test_weights_that_became_0_are_no_fault_of_the_initialisation() -> None:
    """A weight decay of lr * weight_decay = 1 makes all units the same by the first update."""
    values = mlp(DEPTH)
    values["layers.0.weight", "weight_norm"] = lambda step: 10.0 if step < 2 else 1e-9
    finding = found(values, symmetric=["layers.0"])["symmetric units"]
    assert (finding.since, finding.layers) == (2, ("layers.0",))
    assert "weight_decay" in finding.advice
    values["layers.0.weight", "weight_norm"] = 0.0
    assert found(values, symmetric=["layers.0"])["symmetric units"].from_the_start


def test_symmetry_silences_what_follows_from_it() -> None:
    values = mlp(DEPTH, std=lambda i: 0.0, dead=1.0)
    steps = range(120)
    both = found(values, symmetric=["layers.0"], losses=(steps, [2.3] * 120))
    assert list(both) == ["symmetric units", "loss not moving"]


@pytest.mark.parametrize(("fall", "moves"), [(0.0, False), (0.002, False), (0.3, True)])
def test_loss_not_moving_is_told_from_noise(fall: float, moves: bool) -> None:
    steps = np.arange(200)
    losses = 2.3 - fall * steps / 200 + np.random.default_rng(1).normal(0, 0.05, 200)
    assert ("loss not moving" not in found(mlp(3), losses=(steps, losses))) == moves


def test_a_loss_that_has_converged_has_moved() -> None:
    steps = np.arange(960)
    losses = np.maximum(17 * 0.97 ** (2 * steps), 5e-5) * np.random.default_rng(0).uniform(0.7, 1.3, 960)
    assert found(mlp(3), losses=(steps, losses)) == {}


def test_names_are_shortened() -> None:
    assert [first_to_last(list("abcd"[:n])) for n in (1, 2, 4)] == ["a", "a and b", "a ... d (4 of them)"]


# On real runs: gratings with ten orientations and noise, 28 x 28, which an MLP learns as it learns Fashion-MNIST.


@cache
def gratings(steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(3)
    y = torch.randint(10, (128 * steps,), generator=g)
    row, column = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    angle = (y * math.pi / 10)[:, None, None]
    phase = torch.rand(len(y), 1, 1, generator=g) * 1.5
    waves = 0.5 + 0.5 * torch.sin(0.5 * (angle.cos() * column + angle.sin() * row) + phase)
    return (waves + 0.1 * torch.randn(waves.shape, generator=g)).clamp(0, 1), y


class Gratings(L.LightningDataModule):
    def __init__(self, steps: int = 120) -> None:
        super().__init__()
        self.steps = steps

    def train_dataloader(self) -> Batches:
        return Batches(*gratings(self.steps), 128, seed=1)


class LossTrace(L.Callback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.losses.append(float(outputs["loss"]))


Run = Callable[..., list[Finding]]


@pytest.fixture
def run(fit: Callable[..., Any]) -> Run:
    """`run(model, init)`: 120 steps, or those of `data`; the findings as they come from what the monitor recorded."""

    def kinds(model: Any, init: Any, data: Any = None) -> list[Finding]:
        initialize(model, init, generator=generator("init", 0))
        monitor, trace = SignalMonitor(max_overhead=None), LossTrace()
        trainer = fit(model, data or Gratings(), callbacks=[monitor, trace], limit_val_batches=0)
        outline = outline_of(model, monitor.history, trainer.optimizers)
        losses = (range(len(trace.losses)), trace.losses)
        symmetric = alike_layers(model, outline.chain)
        return find(monitor.history, outline, losses=losses, symmetric=symmetric, over=True)

    return kinds


def net(depth: int, activation: str = "relu", lr: float = 0.1, width: int = 128) -> MLP:
    optimizer = partial(nn.SGD, lr=lr)
    return MLP(784, 10, depth=depth, width=width, activation=activation, optimizer=optimizer)


@pytest.mark.parametrize(
    ("depth", "activation", "init"),
    [(1, "relu", Kaiming()), (5, "relu", Kaiming()), (3, "tanh", Xavier()), (1, "relu", Normal(sigma=0.01))],
    ids=str,
)
def test_healthy_runs_have_none(run: Run, depth: int, activation: str, init: Any) -> None:
    assert [f.sentence for f in run(net(depth, activation), init)] == []


def test_healthy_softmax_and_linear_runs_have_none(run: Run) -> None:
    from initlab.data import SyntheticRegression

    for init in (Normal(sigma=0.01), Zeros()):  # zeros are fine where there is no hidden unit
        assert run(SoftmaxRegression(784, 10), init) == []
        assert run(LinearRegression(2), init, SyntheticRegression(num_train=4000)) == []


@pytest.mark.parametrize(
    ("model", "init", "expected"),  # expected: whether it is from the start, by kind
    [
        (net(1), Zeros(), {"symmetric units": True, "loss not moving": True}),
        (net(2, "sigmoid"), Constant(value=0.01), {"symmetric units": True}),
        (net(10), Normal(sigma=0.01), {"vanishing signal": True, "vanishing gradient": True, "loss not moving": True}),
        (net(10), TorchDefault(), {"vanishing gradient": True}),
        (net(3, "tanh"), Normal(sigma=1.0), {"saturated layer": True}),
        (net(20, "tanh", lr=0.01), Normal(sigma=1.0), {"exploding gradient": True, "saturated layer": True}),
        (net(10, width=256), Normal(sigma=0.2), {"exploding signal": True, "non-finite": False}),
        (net(1, lr=30.0), Kaiming(), {"dead layer": False}),
        (net(1, lr=1e-7), Kaiming(), {"update too small": True, "loss not moving": True}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_sick_runs_have_the_right_ones(run: Run, model: Any, init: Any, expected: dict[str, bool]) -> None:
    data = Gratings(120 if expected.keys() & {"loss not moving", "dead layer"} else 40)  # those two take a while
    findings = {finding.kind: finding.from_the_start for finding in run(model, init, data)}
    assert findings.items() >= expected.items()


class FourLayers(L.LightningModule):
    """With one mistake, or a choice: what is in the optimiser, or what stands between a layer and the loss."""

    def __init__(self, which: str) -> None:
        super().__init__()
        self.which = which
        self.a, self.b, self.c, self.d = (torch.nn.Linear(784, 16), *(torch.nn.Linear(16, 16) for _ in range(3)))
        self.automatic_optimization = which != "by hand"

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        X = torch.relu(self.b(torch.relu(self.a(batch[0].flatten(1)))))
        X = X.detach() if self.which == "detached" else X
        loss = torch.nn.functional.cross_entropy(self.d(torch.relu(self.c(X))), batch[1])
        if not self.automatic_optimization:
            self.manual_backward(loss)
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter -= 0.1 * parameter.grad
                    parameter.grad = None
        return loss

    def configure_optimizers(self) -> Any:
        if self.which == "none":
            return None
        other = [torch.nn.Linear(1, 1)]
        some = {"two of four": [self.a, self.d], "frozen": [self.c, self.d], "another net": other, "by hand": other}
        for layer in (self.a, self.b):
            layer.requires_grad_(self.which != "frozen")
        return torch.optim.SGD([p for layer in some.get(self.which, [self]) for p in layer.parameters()], lr=0.1)


@pytest.mark.parametrize(
    ("which", "no_optimizer", "no_gradient"),
    [
        ("whole", "", ""),
        ("two of four", "bc", ""),
        ("frozen", "", ""),  # which asks for no gradient
        ("another net", "abcd", ""),  # made before the layers were replaced
        ("detached", "", "ab"),
        ("by hand", "", ""),  # of updates that no optimiser makes nothing is known
        ("none", "", ""),  # of this Lightning warns
    ],
)
def test_parameters_that_stay_as_they_are(
    fit: Callable[..., Any], which: str, no_optimizer: str, no_gradient: str
) -> None:
    model, monitor = FourLayers(which), SignalMonitor(max_overhead=None)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.warns(match="no optimizer") if which == "none" else contextlib.nullcontext():
        trainer = fit(model, Gratings(12), callbacks=[monitor], limit_val_batches=0)
    outline = outline_of(model, monitor.history, trainer.optimizers)
    found = [{name.split(".")[0] for name in names} for names in (outline.no_optimizer, outline.no_gradient)]
    assert found == [set(no_optimizer), set(no_gradient)]
    still = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert {*outline.no_optimizer, *outline.no_gradient} == (still if which not in ("frozen", "none") else set())


def test_of_layers_that_are_not_watched_no_gradient_is_missed(fit: Callable[..., Any]) -> None:
    model, monitor = FourLayers("whole"), SignalMonitor(layers="c", max_overhead=None)
    trainer = fit(model, Gratings(12), callbacks=[monitor], limit_val_batches=0)
    outline = outline_of(model, monitor.history, trainer.optimizers)
    assert monitor.history.layers("update_ratio") == ["c.weight", "c.bias"]
    assert (outline.no_optimizer, outline.no_gradient) == ((), ())


def test_parameters_that_stay_as_they_are_are_the_cause_where_the_loss_does_not_move() -> None:
    """Another initialisation or rate is no remedy then. Where the loss falls they may be meant to."""
    values = history(mlp(3), range(0, 200, 10))
    for reason in ("no_optimizer", "no_gradient"):
        outline = dataclasses.replace(outline_from_names(values), outputs=10, **{reason: ("layers.0.weight",)})
        stuck, falls = (find(values, outline, losses=(range(200), of), over=True) for of in (STUCK, FALLING))
        assert [(f.kind, f.layers) for f in stuck] == [("not trained", ("layers.0.weight",)), ("loss not moving", ())]
        assert stuck[0].sentence.startswith("not trained, from step 0 on: layers.0.weight: no ")
        assert [bool(f.advice) for f in stuck] == [True, False]
        assert falls == []


def test_residual_and_attention_nets_of_torch_have_none(fit: Callable[..., Any]) -> None:
    """Batch norm, skip connections, dropout, flattening and a module that is called twice are no faults."""
    from torchvision.models import resnet18

    class Wrapped(L.LightningModule):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(self.inner(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.02)

    class Images(L.LightningDataModule):
        def train_dataloader(self) -> list[Any]:
            g = torch.Generator().manual_seed(0)
            y = torch.randint(10, (48,), generator=g)
            X = torch.randn(48, 3, 32, 32, generator=g) + 0.2 * y.view(-1, 1, 1, 1)
            return Batches(X, y, 8, seed=0)  # type: ignore[return-value]

    torch.manual_seed(0)
    attention = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation=torch.nn.GELU())
    patches = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 8, 8), torch.nn.Flatten(2))
    encoder = torch.nn.TransformerEncoder(attention, 3, enable_nested_tensor=False)

    class Transformer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.encoder = patches, encoder
            self.head = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(32, 10))

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.head(self.encoder(self.patches(X).transpose(1, 2)).mean(1))

    for inner in (resnet18(num_classes=10), resnet18(num_classes=10, zero_init_residual=True), Transformer()):
        report = FindingsReport()
        monitor = SignalMonitor(every_n_steps=1, dense_steps=0, max_overhead=None, observers=[report])
        fit(Wrapped(inner), Images(), callbacks=[monitor])
        assert [finding.sentence for finding in report.found] == []


def test_the_report_says_each_once_and_writes_all(
    fit: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, report = net(10, width=64), FindingsReport()
    initialize(model, Normal(sigma=0.01), generator=generator("init", 0))
    monitor = SignalMonitor(max_overhead=None, observers=[report])
    trainer = fit(model, Gratings(60), callbacks=[monitor])
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("finding vanishing signal, from step 0, the initialisation") == 1
    report.on_end(monitor, trainer)
    assert "finding" not in capsys.readouterr().out

    records = json.loads((tmp_path / "findings.json").read_text())
    assert {record["kind"] for record in records} >= {"vanishing signal", "vanishing gradient"}
    for record in records:
        assert record["since"] == 0
        assert record["from_the_start"]
        assert record["at_the_end"]
        assert record["layers"][0] == "layers.0"


def test_the_report_reads_the_loss_where_it_is_recorded(tmp_path: Path) -> None:
    model = net(1)
    made = history(mlp(3) | {("loss", "loss"): 2.3}, steps=range(120))
    trainer: Any = SimpleNamespace(lightning_module=model, optimizers=[], global_step=120)
    monitor: Any = SimpleNamespace(history=made, folder=tmp_path, path=lambda name: tmp_path / name)
    FindingsReport().on_end(monitor, trainer)
    assert [record["kind"] for record in json.loads((tmp_path / "findings.json").read_text())] == ["loss not moving"]


def test_the_report_of_a_healthy_run_is_an_empty_list(fit: Callable[..., Any], tmp_path: Path) -> None:
    model = net(1)
    initialize(model, Kaiming(), generator=generator("init", 0))
    fit(model, Gratings(40), callbacks=[SignalMonitor(observers=[FindingsReport()])])
    assert json.loads((tmp_path / "findings.json").read_text()) == []


def test_alike_layers_are_found_among_others() -> None:
    model = net(3)
    initialize(model, Kaiming(), generator=generator("init", 0))
    with torch.no_grad():
        model.layers[1].weight[:] = model.layers[1].weight[0]  # rows of any numbers, but all the same
        model.layers[2].weight.zero_()
    assert alike_layers(model, ["layers.0", "layers.1", "layers.2"]) == ["layers.1", "layers.2"]
    with torch.no_grad():
        model.layers[2].weight[5, 5] = 1e-3
    assert alike_layers(model, ["layers.2"]) == []
