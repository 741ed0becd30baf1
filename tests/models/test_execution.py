"""Several updates in one training_step are the same updates."""

from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from omegaconf import open_dict
from torch.optim.optimizer import register_optimizer_step_post_hook

from initlab.composition import compose
from initlab.data import SyntheticRegression
from initlab.nn import SGD
from initlab.run import train

pytestmark = pytest.mark.slow

WORDS = (
    "data=synthetic_regression", "model=linear", "init=normal", "lr=0.03", "data.num_train=290", "data.batch_size=16",
    "trainer=cpu", "trainer.max_epochs=3", "callbacks.last.every_n_steps=7", "callbacks.step_curve.every_n_steps=3",
    "optimizer.momentum=0.9", "callbacks.monitor.dense_steps=11",
    "callbacks.monitor.every_n_steps=4", "callbacks.monitor.max_overhead=null",
)  # fmt: skip


class Diary(L.Callback):
    """What Lightning tells a callback, and at which update."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def note(self, trainer: L.Trainer, what: str) -> None:
        self.calls.append((what, trainer.global_step, trainer.optimizers[0].param_groups[0]["lr"]))

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        X, _ = args[1]
        self.note(trainer, f"start {X.shape}")

    def on_before_zero_grad(self, trainer: L.Trainer, *args: Any) -> None:
        self.note(trainer, "zero grad")

    def on_before_backward(self, trainer: L.Trainer, *args: Any) -> None:
        self.note(trainer, f"loss {args[1].item()}")

    def on_after_backward(self, trainer: L.Trainer, *args: Any) -> None:
        self.note(trainer, "after backward")

    def on_before_optimizer_step(self, trainer: L.Trainer, *args: Any) -> None:
        self.note(trainer, "step")

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        self.note(trainer, f"end {args[1]['loss'].item()}")


def run(folder: Path, *words: str) -> tuple[dict[str, torch.Tensor], Diary]:
    diary = Diary()
    result = train(compose(*WORDS, *words, run_dir=folder), [diary])
    return result.model.state_dict(), diary


@pytest.fixture(scope="module")
def one_by_one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, words = tmp_path_factory.mktemp("runs") / "one", f"scheduler={request.param}"
    return *run(folder, words, "steps_per_execution=1"), folder, words


@pytest.mark.parametrize(  # an epoch has 19 batches, the last of 2 rows
    ("steps", "one_by_one"), [(2, "none"), (5, "cosine"), (19, "none"), (1000, "cosine")], indirect=["one_by_one"]
)
def test_callbacks_weights_and_files_are_those_of_one_update_a_call(
    steps: int, one_by_one: Any, tmp_path: Path
) -> None:
    weights, diary, folder, words = one_by_one
    again, other = run(tmp_path / "run", words, f"steps_per_execution={steps}")

    assert len(diary.calls) == 3 * 19 * 6
    assert other.calls == diary.calls
    assert all(torch.equal(again[name], weights[name]) for name in weights)
    for file in ("signal.csv", "histograms.csv", "findings.json"):
        assert (tmp_path / "run" / file).read_bytes() == (folder / file).read_bytes()
    epochs, expected = (pd.read_csv(path / "metrics.csv") for path in (tmp_path / "run", folder))
    pd.testing.assert_frame_equal(epochs, expected, rtol=1e-12)  # float64 sums, added up in another order


class StepHooks(L.Callback):
    """Of the optimiser itself, which Lightning does not call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_train_start(self, trainer: L.Trainer, *args: Any) -> None:
        trainer.optimizers[0].register_step_pre_hook(lambda *args: self.calls.append("before"))
        self.global_hook = register_optimizer_step_post_hook(lambda *args: self.calls.append("after"))

    def on_train_end(self, *args: Any) -> None:
        self.global_hook.remove()


def test_hooks_around_the_optimisers_step_are_called(tmp_path: Path) -> None:
    hooks = StepHooks()
    train(compose(*WORDS, run_dir=tmp_path), [hooks])
    assert hooks.calls == 3 * 19 * ["before", "after"]


def test_hooks_that_are_set_on_a_callback_are_called(tmp_path: Path) -> None:
    calls: list[str] = []
    names = ("on_train_batch_start", "on_before_optimizer_step", "on_train_batch_end")
    hooks: Any = {name: lambda *args, name=name: calls.append(name) for name in names}
    train(compose(*WORDS, run_dir=tmp_path), [LambdaCallback(**hooks)])
    assert calls == 3 * 19 * list(names)


def test_a_hook_on_the_way_of_a_batch_makes_it_one_update_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        SyntheticRegression, "on_after_batch_transfer", lambda self, batch, i: tuple(batch), raising=False
    )
    _, diary = run(tmp_path)
    assert len(diary.calls) == 3 * 19 * 6


class Halved(SGD):
    """With a step of its own."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad /= 2
        return super().step(closure)


def test_an_optimiser_that_derives_from_ours_makes_its_own_step(tmp_path: Path) -> None:
    half = train(compose(*WORDS, "lr=0.015", run_dir=tmp_path / "half")).model.state_dict()
    word = "optimizer._target_=tests.models.test_execution.Halved"
    derived = train(compose(*WORDS, word, run_dir=tmp_path / "derived")).model.state_dict()
    for name in half:  # lr / 2 times the sum of gradients is lr times the sum of halves: powers of two round alike
        torch.testing.assert_close(derived[name], half[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "words",
    [
        ("trainer.gradient_clip_val=1.0",),
        ("trainer.accumulate_grad_batches=2",),
        ("trainer.limit_train_batches=5",),
        ("trainer.precision=64-true",),
        ("trainer.precision=bf16-mixed",),  # ours, in several updates a call
    ],
)
def test_what_lightning_does_for_single_updates_stays_as_it_is(words: tuple[str, ...], tmp_path: Path) -> None:
    weights, diary = run(tmp_path / "many", *words)
    again, other = run(tmp_path / "one", *words, "steps_per_execution=1")
    assert other.calls == diary.calls
    assert all(torch.equal(again[name], weights[name]) for name in weights)


@pytest.mark.parametrize("one_by_one", ["cosine"], indirect=True)
def test_a_loader_that_hands_out_single_batches_is_trained_on_too(
    one_by_one: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a data module which derives from ours and makes its own loader."""
    weights, diary, _, words = one_by_one
    monkeypatch.setattr(SyntheticRegression, "train_dataloader", lambda self: self.train_batches())
    again, other = run(tmp_path / "run", words)
    assert other.calls == diary.calls
    assert all(torch.equal(again[name], weights[name]) for name in weights)


@pytest.mark.parametrize("one_by_one", ["cosine"], indirect=True)
def test_a_run_whose_config_is_from_before_there_was_the_key_makes_single_updates(
    one_by_one: Any, tmp_path: Path
) -> None:
    """Its checkpoints count batches."""
    weights, diary, _, words = one_by_one
    cfg, other = compose(*WORDS, words, run_dir=tmp_path), Diary()
    with open_dict(cfg):
        del cfg["steps_per_execution"]
    model = train(cfg, [other]).model
    assert model.automatic_optimization
    assert other.calls == diary.calls
    assert all(torch.equal(model.state_dict()[name], weights[name]) for name in weights)
