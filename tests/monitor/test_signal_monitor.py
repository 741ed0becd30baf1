"""The monitor on small networks: right numbers, the promised steps, no trace left."""

import csv
import math
import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.optim import optimizer

from initlab.callbacks import SignalMonitor
from initlab.data.batches import Batches
from initlab.errors import UserError
from initlab.init import Kaiming, Normal, initialize
from initlab.models import MLP
from initlab.monitor import Observer, kernels, tag
from initlab.monitor.budget import Cadence
from initlab.monitor.choice import choose_layers
from initlab.seeds import generator


class Noise(L.LightningDataModule):
    """320 rows in five batches."""

    def __init__(self, seed: int | None = 1) -> None:
        super().__init__()
        self.seed = seed

    def train_dataloader(self) -> Batches:
        g = torch.Generator().manual_seed(3)
        X, y = torch.randn(320, 12, generator=g), torch.randint(4, (320,), generator=g)
        return Batches(X, y, 64, seed=self.seed)


def mlp(sigma: float | None = None, **more: Any) -> MLP:
    model = MLP(12, 4, num_hiddens=[32, 16], **more)
    initialize(model, Normal(sigma=sigma) if sigma else Kaiming(), generator=generator("init", 0))
    return model


def figures(folder: Path, file: str = "signal.csv") -> dict[tuple[int, str, str], float]:
    with open(folder / file, newline="") as lines:
        return {(int(r["step"]), r["layer"], r["quantity"]): float(r["value"]) for r in csv.DictReader(lines)}


def monitor(**more: Any) -> SignalMonitor:
    return SignalMonitor(**({"max_overhead": None, "observers": ()} | more))


# numbers


@pytest.mark.parametrize(
    "optimizer",
    [partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.1), partial(torch.optim.AdamW, lr=0.01)],
)
def test_every_quantity_equals_a_direct_computation(
    fit: Callable[..., Any], tmp_path: Path, optimizer: Callable[..., torch.optim.Optimizer]
) -> None:
    """The same run by hand, with autograd's own gradients and weights copied before and after."""
    fit(mlp(optimizer=optimizer, activation="tanh"), Noise(), callbacks=[monitor(every_n_steps=1)], max_epochs=2)
    got = figures(tmp_path)

    model, batches = mlp(activation="tanh"), Noise().train_dataloader()
    updates = optimizer(model.parameters())
    step = 0
    for _ in range(2):
        for X, y in batches:
            H, seen = X.flatten(1), {}
            for i, layer in enumerate(model.layers):
                z = seen[f"layers.{i}"] = layer(H)
                H = seen[f"phi.{i}"] = model.phi[i](z) if i < 2 else z
            del seen["phi.2"]
            for value in seen.values():
                value.retain_grad()
            updates.zero_grad()
            loss = model.loss(z, y)
            loss.backward()
            before = {name: p.detach().clone() for name, p in model.named_parameters()}
            updates.step()
            expected = {("loss", "loss"): loss.item()}
            for name, value in seen.items():
                x = value.detach().double()
                assert value.grad is not None
                expected |= {
                    (name, "mean"): x.mean().item(),
                    (name, "std"): x.std().item(),
                    (name, "min"): x.min().item(),
                    (name, "max"): x.max().item(),
                    (name, "active"): (x > 0).double().mean().item(),
                    (name, "dead"): (x == 0).all(0).double().mean().item(),
                    (name, "grad_std"): value.grad.double().std().item(),
                }
                if name.startswith("phi"):
                    expected[name, "saturated"] = (1 - x.square() < 0.05).double().mean().item()
            for name, p in model.named_parameters():
                norm = before[name].double().norm().item()
                assert p.grad is not None
                expected |= {(name, "grad_norm"): p.grad.double().norm().item(), (name, "weight_norm"): norm}
                if norm:
                    expected[name, "update_ratio"] = (p.detach() - before[name]).double().norm().item() / norm
            assert {key[1:] for key in got if key[0] == step} == set(expected)
            for key, value in expected.items():
                # float32 sums of up to 2048 numbers of size 1, rounded at 2^-24
                assert got[step, *key] == pytest.approx(value, rel=2e-5, abs=1e-6), (step, key)
            step += 1


def test_histograms_are_numpys(fit: Callable[..., Any], tmp_path: Path) -> None:
    watch = monitor()
    fit(mlp(), Noise(), callbacks=[watch])
    model, (X, _) = mlp(), next(iter(Noise().train_dataloader()))
    with torch.no_grad():
        z = model.layers[0](X)
    (first,) = watch.history.histograms("layers.0")
    assert (first.step, first.low, first.high) == (0, z.min().item(), z.max().item())
    edges = torch.linspace(first.low, first.high, 65, dtype=torch.float64)
    expected = torch.histogram(z.double().flatten(), edges).hist.int()
    # an entry within rounding of an edge may fall to either side
    assert (torch.tensor(first.counts) - expected).abs().sum() <= 2
    assert sum(first.counts) == z.numel()
    with open(tmp_path / "histograms.csv", newline="") as lines:
        row = next(csv.DictReader(lines))
    assert tuple(map(int, row["counts"].split())) == first.counts


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-12, 1.0, 1e12, 1e30, 1e37])
def test_moments_are_right_wherever_float32_has_numbers(dtype: torch.dtype, scale: float) -> None:
    for shift, shape in ((0.0, (256, 300)), (0.5, (7, 3, 5)), (0.0, (1 << 18,))):
        x = ((torch.randn(shape, generator=torch.Generator().manual_seed(1)) + shift) * scale).to(dtype)
        total, square, bad = kernels.sums(x)
        exact = x.double()
        # bfloat16 and float32 entries are exact in double; the sums in float32 round at 2^-24 of sum |x|
        assert total == pytest.approx(exact.sum().item(), abs=1e-6 * exact.abs().sum().item())
        assert square == pytest.approx(exact.square().sum().item(), rel=1e-5)
        assert kernels.norm_square(x) == pytest.approx(exact.square().sum().item(), rel=1e-5)
        assert bad == 0


def test_the_std_of_a_signal_far_from_zero_does_not_cancel() -> None:
    x = torch.randn(256, 256, generator=torch.Generator().manual_seed(0)) + 3000
    total, square, _ = kernels.sums(x)
    n = x.numel()
    assert math.sqrt((square - total**2 / n) / (n - 1)) == pytest.approx(x.double().std().item(), rel=1e-6)


# steps


@pytest.mark.parametrize(
    ("given", "cheap", "full"),
    [
        ({}, range(10), [*range(0, 100, 10), 100, 200]),
        ({"every_n_steps": 40}, range(10), [0, 10, 20, 30, 40, 80, 120, 160, 200, 240]),
        ({"every_n_steps": 7, "dense_steps": 30}, range(30), range(0, 250, 7)),
        ({"every_n_steps": 1000}, range(10), [*range(0, 100, 10), 100, 200]),
        ({"dense_steps": 120}, range(120), [*range(0, 100, 10), 100, 200]),
        ({"every_n_steps": 90, "dense_steps": 0}, [], [0, 90, 180]),
    ],
)
def test_mean_and_std_at_each_early_step_all_at_every_tenth_then_every_n(
    fit: Callable[..., Any], tmp_path: Path, given: dict[str, int], cheap: Sequence[int], full: Sequence[int]
) -> None:
    fit(mlp(), Noise(), callbacks=[monitor(**given)], max_epochs=50)  # 250 steps
    steps = {
        q: sorted(s for s, layer, what in figures(tmp_path) if (layer, what) == ("phi.0", q)) for q in ("std", "dead")
    }
    assert steps["std"] == sorted({*cheap, *full})
    assert steps["dead"] == [*full]


def test_a_run_that_goes_on_leaves_the_table_of_one_that_was_never_stopped(
    fit: Callable[..., Any], tmp_path: Path
) -> None:
    """Stopped after its third epoch, the latest checkpoint of the second: the third is made and recorded again."""

    def part(folder: str, epochs: int, **more: Any) -> bytes:
        callbacks = [monitor(dense_steps=7, every_n_steps=6)]
        root = tmp_path / folder
        trainer = fit_from(
            mlp(), Noise(seed=None), callbacks=callbacks, max_epochs=epochs, default_root_dir=root, **more
        )
        trainer.save_checkpoint(tmp_path / f"{epochs}.ckpt")
        return (root / "signal.csv").read_bytes()

    def fit_from(model: Any, data: Any, resume: Any = None, **more: Any) -> Any:
        quiet = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = L.Trainer(**quiet, enable_model_summary=False, **more)
        trainer.fit(model, datamodule=data, ckpt_path=resume)
        return trainer

    whole = part("whole", 4)
    part("two", 2)
    part("stopped", 3)
    assert part("stopped", 4, resume=tmp_path / "2.ckpt") == whole


def test_the_stride_doubles_until_samples_fit_the_budget() -> None:
    cadence = Cadence(every_n_steps=50, dense_steps=100, max_overhead=0.02)
    for _ in range(20):
        cadence.trained(0.001)
    for _ in range(5):
        cadence.sampled(0.003)
    cadence.wrote(0.004, samples=4)
    cadence.review(step=99, batches_per_step=1)
    assert cadence.stride == 50
    cadence.review(step=100, batches_per_step=1)
    assert cadence.stride == 200  # 4 ms <= 2 % of 200 ms
    cadence.review(step=200, batches_per_step=4)
    assert cadence.stride == 200  # never narrower
    assert [s for s in range(150, 700) if cadence.look(s)] == [200, 400, 600]


def test_the_cost_is_measured_and_said(fit: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    fit(mlp(), Noise(), callbacks=[SignalMonitor(every_n_steps=1, dense_steps=0, max_overhead=0.001)], max_epochs=10)
    said = capsys.readouterr().out
    assert re.search(r"watching took [\d.e-]+ s of [\d.e-]+ s ", said)
    assert "to keep to 0.1 %" in said


# choice


def test_layers_are_chosen_by_name_type_glob_and_expression() -> None:
    model = mlp()
    assert list(choose_layers(model)) == ["layers.0", "layers.1", "layers.2", "phi.0", "phi.1"]
    assert list(choose_layers(model, "layers.*")) == ["layers.0", "layers.1", "layers.2"]
    assert list(choose_layers(model, r"(layers|phi)\.[12]")) == ["layers.1", "layers.2", "phi.1"]
    assert list(choose_layers(model, ["Activation", "layers.0"])) == ["layers.0", "phi.0", "phi.1"]
    assert list(choose_layers(nn.Sequential(nn.Sequential(nn.ReLU())), "Sequential")) == ["0"]
    with pytest.raises(UserError, match=r"callbacks.monitor.layers=layer.0: no layer .* did you mean layers.0"):
        choose_layers(model, "layer.0")


def test_only_what_is_chosen_is_recorded(fit: Callable[..., Any], tmp_path: Path) -> None:
    fit(mlp(), Noise(), callbacks=[monitor(layers="layers.1", quantities=["std", "update_ratio"], every_n_steps=1)])
    assert {key[1:] for key in figures(tmp_path)} == {
        ("layers.1", "std"), ("layers.1.weight", "update_ratio"), ("layers.1.bias", "update_ratio"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"every_n_steps": 0}, "every_n_steps=0: must be a whole number of at least 1"),
        ({"max_overhead": 0}, "max_overhead=0: must be a number above 0, or null"),
        ({"quantities": ["sdt"]}, "quantities=.*must be a list of some of mean, std"),
        ({"layers": []}, "layers=.*must be a pattern"),
    ],
)
def test_wrong_values_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=f"callbacks.monitor.{says}"):
        SignalMonitor(**given)


# harmless


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_weights_and_random_numbers_are_those_of_an_unwatched_run(fit: Callable[..., Any], activation: str) -> None:
    ends = []
    for callbacks in ([monitor(every_n_steps=1)], []):
        torch.manual_seed(0)
        random.seed(0)
        model = mlp(activation=activation, optimizer=partial(torch.optim.Adam, lr=0.01))
        fit(model, Noise(), callbacks=callbacks, max_epochs=4)
        ends.append([*(p.detach() for p in model.parameters()), torch.rand(3), torch.tensor(random.random())])
    assert all(torch.equal(p, q) for p, q in zip(*ends, strict=True))


def hooks(model: nn.Module) -> list[int]:
    """On its modules; on all modules; on all optimisers."""
    on_modules = sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()
    )
    every, optimisers = nn.modules.module, optimizer
    on_all = len(every._global_forward_hooks) + len(every._global_forward_pre_hooks)
    return [on_modules, on_all, len(optimisers._global_optimizer_pre_hooks | optimisers._global_optimizer_post_hooks)]


def test_hooks_exist_only_on_sampled_steps_and_never_on_a_module(fit: Callable[..., Any]) -> None:
    class Counter(L.Callback):
        def __init__(self) -> None:
            self.within: list[list[int]] = []
            self.between: list[list[int]] = []

        def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
            self.within.append(hooks(pl_module))
            if len(self.within) == 5:
                raise RuntimeError("on purpose")

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
            self.between.append(hooks(pl_module))

    model, counter = mlp(), Counter()
    assert hooks(model) == [0, 0, 0]
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(model, Noise(), callbacks=[monitor(every_n_steps=4, dense_steps=0), counter], max_epochs=2)
    # one hook before and one after each call of a layer, two around an optimiser's step; at steps 0 and 4
    assert counter.within == [[0, 2, 2], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 2, 2]]
    assert counter.between == [[0, 0, 0]] * 4
    assert hooks(model) == [0, 0, 0]


def test_no_hook_waits_for_a_device(fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The way taken on an accelerator, on the meta device, where there is nothing to read a number from."""
    model = MLP(12, 4, num_hiddens=[32, 16], activation="gelu").to("meta")
    from initlab.checks.rules import QUANTITIES
    from initlab.monitor import outputs
    from initlab.monitor.budget import Stopwatch
    from initlab.monitor.guard import Guard
    from initlab.monitor.layer_probe import LayerProbe
    from initlab.monitor.sample import Sample

    monkeypatch.setattr(outputs, "is_signal", lambda x: True)  # else the meta device is left out
    sample = Sample(0)
    probe = LayerProbe(frozenset(QUANTITIES), Stopwatch(), Guard())
    probe.choose(choose_layers(model))
    probe.attach(sample, full=True)
    model(torch.empty(8, 12, device="meta")).sum().backward()
    probe.detach()
    assert sample.layers == ["layers.0", "phi.0", "layers.1", "phi.1", "layers.2"]
    numbers = sample.pack()
    assert isinstance(numbers, torch.Tensor)
    assert numbers.device.type == "meta"


# nan and inf


class Poison(L.Callback):
    """Put one inf into a weight after the update of step 11."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == 12:
            with torch.no_grad():
                pl_module.layers[1].weight[3, 5] = math.inf


def test_the_first_layer_with_nan_or_inf_is_named_and_counted(fit: Callable[..., Any], tmp_path: Path) -> None:
    watch = monitor(dense_steps=20)
    fit(mlp(), Noise(), callbacks=[watch, Poison()], max_epochs=4)
    got = figures(tmp_path)
    assert watch.first_nonfinite == "layer layers.1 first non-finite at step 12"
    assert min(step for step, _, what in got if what == "nonfinite") == 12
    assert got[12, "layers.1", "nonfinite"] == 64  # one unit, whatever the input: inf, or inf * 0 = nan
    assert not math.isfinite(got[12, "layers.1", "std"])


def test_a_run_stops_with_that_sentence_when_asked(fit: Callable[..., Any], tmp_path: Path) -> None:
    watch = monitor(stop_on_nonfinite=True, dense_steps=0, every_n_steps=5)
    with pytest.raises(UserError, match=r"^layer layers.1 first non-finite at step 12$"):
        fit(mlp(), Noise(), callbacks=[watch, Poison()], max_epochs=4)
    assert sorted({step for step, _, _ in figures(tmp_path)}) == [0, 5, 10]


def test_a_late_look_says_so(fit: Callable[..., Any]) -> None:
    watch = monitor(dense_steps=0, every_n_steps=5)
    fit(mlp(), Noise(), callbacks=[watch, Poison()], max_epochs=4)
    assert watch.first_nonfinite == "layer layers.0 first non-finite at step 15, still finite at step 10"


# where it goes


def test_tensorboard_says_what_the_csv_says(fit: Callable[..., Any], tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name="tb", version="")
    fit(mlp(), Noise(), callbacks=[monitor(every_n_steps=2)], logger=logger)
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    rows = figures(tmp_path / "tb")
    groups = {
        "grad_std": "gradients",
        "grad_norm": "parameters",
        "weight_norm": "parameters",
        "update_ratio": "parameters",
    }
    for (step, layer, quantity), value in rows.items():
        log = quantity in ("std", "grad_std", "update_ratio")
        name = f"watched/{groups.get(quantity, 'activations')}/{layer}/{'log10 ' * log}{quantity}"
        name = "watched/loss of each batch" if layer == "loss" else name
        assert name == tag({"step": step, "layer": layer, "quantity": quantity, "value": value})
        if quantity == "dead" and value == 0:  # drawn from the first dead unit on
            continue
        seen = {event.step: event.value for event in events.Scalars(name)}
        assert seen[step] == pytest.approx(math.log10(value) if log else value, rel=1e-5, abs=1e-6)
    charts = events.Tags()["scalars"]
    never = {layer for _, layer, quantity in rows if quantity == "dead"} - {
        layer for (_, layer, quantity), value in rows.items() if quantity == "dead" and value > 0
    }
    assert never
    assert not [name for name in charts if name.endswith("/dead") and name.split("/")[2] in never]


def test_observers_see_every_row_once_and_the_end(fit: Callable[..., Any], tmp_path: Path) -> None:
    class Watching(Observer):
        def __init__(self) -> None:
            self.rows: list[dict[str, Any]] = []
            self.ends = 0

        def on_rows(self, monitor: SignalMonitor, trainer: Any, rows: list[dict[str, Any]]) -> None:
            self.rows += rows
            assert monitor.history.series("layers.0", "std")[0][-1] == rows[-1]["step"]

        def on_end(self, monitor: SignalMonitor, trainer: Any) -> None:
            self.ends += 1

    observer = Watching()
    watch = monitor(observers=[observer])
    fit(mlp(), Noise(), callbacks=[watch], max_epochs=2)
    seen = {(r["step"], r["layer"], r["quantity"]): r["value"] for r in observer.rows}
    assert seen == figures(tmp_path)
    assert len(seen) == len(observer.rows)
    assert observer.ends == 1
    assert watch.history.layers("std") == ["layers.0", "phi.0", "layers.1", "phi.1", "layers.2"]
    assert watch.history.layers("grad_std") == watch.history.layers("std")
    assert watch.history.layers("grad_norm") == [name for name, _ in mlp().named_parameters()]
