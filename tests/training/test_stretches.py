"""A call of training_step trains on as many batches as nobody looks at, and the run is that of single updates."""

import itertools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pandas as pd
import pytest
import torch
from children import NoisyRegression

from initlab.composition import compose
from initlab.data import Batches, SyntheticRegression
from initlab.errors import UserError
from initlab.run import train
from initlab.runs import open_run
from initlab.runs.config_file import read_config
from initlab.training import SeveralUpdates, Stretch, Stretches, in_one_stretch

WORDS = (
    "data=synthetic_regression", "model=linear", "init=normal", "lr=0.03", "data.num_train=290", "data.batch_size=16",
    "trainer=cpu", "trainer.max_epochs=3", "callbacks.last.every_n_steps=7", "callbacks.step_curve.every_n_steps=6",
    "optimizer.momentum=0.9", "callbacks.monitor.dense_steps=3", "callbacks.monitor.every_n_steps=10",
)  # fmt: skip
NOISY = ("model._target_=children.NoisyRegression",)


@pytest.mark.parametrize("longest", [1, 2, 5, 100])
@pytest.mark.parametrize("looked_at", [(), (0, 1, 2, 7, 18, 19, 25), range(57), (18,), (37, 38)])
def test_a_looked_at_step_stands_alone_and_the_others_are_together(longest: int, looked_at: Any) -> None:
    """In each of three epochs, of 19 batches each. Nobody is asked about a step before the one before it is done, but
    for steps within the same stretch."""
    X = torch.arange(290.0)
    batches = Batches(X, X, batch_size=16, seed=0)
    trainer: Any = SimpleNamespace(global_step=0, max_steps=-1, lightning_module=L.LightningModule())
    asked: list[tuple[int, int]] = []

    class Looks(L.Callback):
        def looks_at(self, step: int) -> bool:
            asked.append((step, trainer.global_step))
            return step in looked_at

        def on_train_batch_end(self, *args: Any) -> None: ...

    trainer.callbacks = [Looks()]
    loader = Stretches(batches, trainer, SeveralUpdates(longest, seed=0))  # type: ignore[arg-type]
    expected = Batches(X, X, batch_size=16, seed=0)
    for epoch in range(3):
        stretches, step = iter(loader), 19 * epoch
        ahead, parts = next(stretches), []
        while ahead is not None:  # as Lightning: one more is asked for before one is trained on
            stretch, ahead = ahead, next(stretches, None)
            parts.append(list(range(step, step + len(stretch))))
            for batch, its in zip(stretch.rows, stretch.numbers, strict=True):
                assert its == step
                step += 1
                trainer.global_step = step
                assert len(batch) in (16, 2)
        assert step == 19 * (epoch + 1)
        assert all(len(part) == 1 for part in parts if set(part) & set(looked_at))
        for one, following in itertools.pairwise(parts):  # no longer one would do
            assert len(one) == longest or {one[-1], following[0]} & set(looked_at)
    assert all(now <= step < now + longest + 1 for step, now in asked)
    for _ in range(3):
        served = [X for X, _ in expected]
        assert torch.equal(torch.cat(served).sort().values, X)


@pytest.mark.parametrize(
    ("limit", "in_one"), [(1.0, True), (3, True), (16, True), (2, False), (1, False), (0.5, False)]
)
def test_validation_is_in_one_stretch_where_it_is_of_all_batches(limit: float, in_one: bool) -> None:
    X = torch.arange(30.0)
    batches, meeting = Batches(X, X, batch_size=10), object()
    several = SeveralUpdates(16, seed=0, meeting=meeting)  # type: ignore[arg-type]
    trainer: Any = SimpleNamespace(precision_plugin=several, limit_val_batches=limit)
    loader = in_one_stretch(batches, trainer)
    assert (loader is not batches) == in_one
    assert len(loader) == (1 if in_one else 3)


def trained(folder: Path, *words: str, callbacks: Any = ()) -> dict[str, torch.Tensor]:
    result = train(compose(*WORDS, *words, run_dir=folder), callbacks)
    weights: dict[str, torch.Tensor] = result.model.state_dict()
    return weights


def assert_same(one: Path, other: Path) -> None:
    for file in ("signal.csv", "histograms.csv", "findings.json"):
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    epochs, expected = (pd.read_csv(path / "metrics.csv") for path in (one, other))
    pd.testing.assert_frame_equal(epochs, expected, rtol=1e-12)  # float64 sums, added up in another order
    for name in ("best", "last"):
        ours, its = (torch.load(path / f"checkpoints/{name}.ckpt", weights_only=True) for path in (one, other))
        assert ours["global_step"] == its["global_step"]
        assert all(torch.equal(ours["state_dict"][key], its["state_dict"][key]) for key in its["state_dict"])


class Calls(L.Callback):
    """Counts the calls of training_step, and looks at no step."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []  # step, number of batches

    def looks_at(self, step: int) -> bool:
        return False

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        self.calls.append((trainer.global_step, len(args[1]) if isinstance(args[1], Stretch) else 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("scheduler=none",),
        ("scheduler=cosine", *NOISY),
        ("scheduler=one_cycle", "optimizer=adam", "~optimizer.momentum"),
        ("trainer.max_steps=23", "scheduler=cosine"),
        ("trainer.limit_train_batches=8", "scheduler=cosine", *NOISY),  # of 19 an epoch
        ("trainer.limit_train_batches=0.5", "trainer.max_steps=23"),
        ("trainer.precision=bf16-mixed", *NOISY),
        ("model.backward=manual",),
    ],
)
def test_the_run_is_the_same_for_any_length_of_a_stretch(words: tuple[str, ...], tmp_path: Path) -> None:
    words = tuple(word for word in words if not word.startswith("~"))
    common = words if "optimizer=adam" not in words else (*words, "optimizer.betas=[0.9,0.99]")
    base = [word for word in WORDS if "optimizer=adam" not in words or not word.startswith("optimizer.")]
    lengths = (1, 4, 1000) if words == ("scheduler=none",) else (1, 1000)
    for longest in lengths:
        calls = Calls()
        train(compose(*base, *common, f"steps_per_execution={longest}", run_dir=tmp_path / f"{longest}"), [calls])
        steps = 23 if "trainer.max_steps=23" in words else 24 if "trainer.limit_train_batches=8" in words else 57
        assert sum(number for _, number in calls.calls) == steps
        assert (max(number for _, number in calls.calls) > 1) == (longest > 1)
        assert all(number == 1 for step, number in calls.calls if step < 3 or not step % 6 or not step % 10)
    for longest in lengths[1:]:
        assert_same(tmp_path / f"{longest}", tmp_path / "1")


class Stranger(L.Callback):
    """Written by Lightning's documentation."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        X, _ = batch
        self.seen.append(("start", batch_idx, trainer.global_step, trainer.num_training_batches, X.sum().item()))

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        last = (batch_idx + 1 == trainer.num_training_batches, trainer.is_last_batch)
        self.seen.append(("end", batch_idx, trainer.global_step, outputs["loss"].item(), outputs["loss"].grad_fn, last))


@pytest.mark.slow
def test_a_callback_of_the_users_sees_what_lightnings_documentation_says(tmp_path: Path) -> None:
    strangers = []
    for longest in (1, 16):
        strangers.append(Stranger())
        trained(tmp_path / f"{longest}", f"steps_per_execution={longest}", callbacks=strangers[-1:])
    assert len(strangers[0].seen) == 2 * 57
    assert strangers[1].seen == strangers[0].seen
    assert [seen[1] for seen in strangers[1].seen[::2]] == 3 * list(range(19))
    assert_same(tmp_path / "16", tmp_path / "1")


class Some(Stranger):
    """Looks at some steps only."""

    def looks_at(self, step: int) -> bool:
        return step % 4 == 1

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        if self.looks_at(trainer.global_step):
            self.seen.append((trainer.global_step, "start", args[1][0].sum().item()))

    def on_before_backward(self, trainer: L.Trainer, *args: Any) -> None:
        self.seen.append((trainer.global_step, "loss", args[1].item()))

    def on_after_backward(self, trainer: L.Trainer, *args: Any) -> None:
        self.seen.append((trainer.global_step, "gradient", args[0].net.weight.grad.tolist()))

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        if self.looks_at(trainer.global_step - 1):
            self.seen.append((trainer.global_step - 1, "end", args[1]["loss"].item()))


@pytest.mark.slow
def test_one_that_looks_at_some_steps_sees_all_of_those(tmp_path: Path) -> None:
    some = []
    for longest in (1, 16):
        some.append(Some())
        trained(tmp_path / f"{longest}", f"steps_per_execution={longest}", callbacks=some[-1:])
    seen = [[note for note in callback.seen if callback.looks_at(note[0])] for callback in some]
    assert len(seen[0]) == 4 * len(range(1, 57, 4))
    assert seen[1] == seen[0]
    assert len(some[1].seen) < len(some[0].seen)


class Ends(L.Callback):
    """Ends the process between two updates."""

    def __init__(self, step: int) -> None:
        self.step = step

    def looks_at(self, step: int) -> bool:
        return step == self.step

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            os._exit(9)


@pytest.mark.slow
def test_a_run_in_stretches_resumes_with_a_callback_that_looks_at_every_step(tmp_path: Path) -> None:
    """In mid-epoch, where Lightning's count of calls is not the place in the epoch; and the other way round."""
    whole = trained(tmp_path / "whole", *NOISY)
    for name, first, then in (("more", [Calls()], [Stranger()]), ("less", [Stranger()], [Calls()])):
        pid = os.fork()
        if pid == 0:
            trained(tmp_path / name, *NOISY, callbacks=[*first, Ends(30)])
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        again = train(compose(f"resume={tmp_path / name}", "allow=children"), then)
        assert all(torch.equal(again.model.state_dict()[key], whole[key]) for key in whole)
        assert open_run(tmp_path / name, allow=["children"]).summary["metrics"]
        assert_same(tmp_path / name, tmp_path / "whole")


@pytest.mark.slow
def test_steps_that_are_counted_in_another_way_are_not_lost_in_silence(tmp_path: Path) -> None:
    """A run in stretches whose config is made to say that it was of single updates."""
    trained(tmp_path, "trainer.max_epochs=1")
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("steps_per_execution: 16\n", "steps_per_execution: 1\n"))
    before = (tmp_path / "checkpoints" / "last.ckpt").read_bytes()
    with pytest.raises(UserError, match="made after 19 steps, which are counted as 0 here"):
        train(compose(f"resume={tmp_path}", "trainer.max_epochs=2"))
    assert (tmp_path / "checkpoints" / "last.ckpt").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("steps", [11, 16])
def test_a_run_that_lightning_made_the_updates_of_resumes_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """As those of part of an epoch from before several updates a call kept a limit; at an epoch's end and within."""
    limited = ("trainer.limit_train_batches=8", "callbacks.last.min_seconds=0")  # saved every seven steps
    trained(tmp_path / "straight", *limited)
    with monkeypatch.context() as before:
        before.setattr("initlab.run.trainer.can_make_several", lambda *_: False)
        trained(tmp_path / "run", *limited, f"trainer.max_steps={steps}")
    train(compose(f"resume={tmp_path / 'run'}", "trainer.max_steps=-1"))
    assert_same(tmp_path / "run", tmp_path / "straight")


@pytest.mark.slow
def test_a_run_of_a_config_with_a_key_that_is_gone_resumes(tmp_path: Path) -> None:
    trained(tmp_path, "trainer.max_epochs=1")
    path = tmp_path / "config.yaml"
    path.write_text("cuda_graph: true\n" + path.read_text())
    assert "cuda_graph" not in read_config(tmp_path)
    assert len(open_run(tmp_path).metrics) == 1
    train(compose(f"resume={tmp_path}", "trainer.max_epochs=2"))
    assert len(open_run(tmp_path).metrics) == 2


def test_a_model_trained_in_stretches_can_be_trained_by_any_trainer(fit: Any, tmp_path: Path) -> None:
    """Also with what is not for several updates a call."""
    result = train(compose(*WORDS, "trainer.max_epochs=1", run_dir=tmp_path))
    assert not result.model.automatic_optimization
    data = SyntheticRegression(num_train=64)
    trainer = fit(result.model, data, gradient_clip_val=0.1, accumulate_grad_batches=2)
    assert result.model.automatic_optimization
    assert trainer.global_step == 1
    assert not isinstance(trainer.train_dataloader, Stretches)


def test_a_model_that_configures_its_own_optimisers_is_left_to_lightning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scheduler is stepped once an epoch."""

    class Own(NoisyRegression):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]

    import children

    monkeypatch.setattr(children, "NoisyRegression", Own)
    result = train(compose(*WORDS, *NOISY, run_dir=tmp_path))
    assert result.model.automatic_optimization
    lrs = open_run(tmp_path, allow=["children"]).metrics["lr"]
    assert list(lrs) == [0.005, 0.0025, 0.00125]  # stepped before the end of the epoch
