"""What a step is, what its loss is, and that a fork which did not make all of its steps is no answer."""

from __future__ import annotations

import copy
import math
import random
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from initlab.callbacks import Explain, InitializeWith
from initlab.proof import module_changes
from initlab.proof.conclusion import Explanation

pytestmark = pytest.mark.filterwarnings("ignore")
DRAW = torch.Generator().manual_seed(0)
Y = torch.randint(3, (176,), generator=DRAW)
X = 2 * torch.randn(3, 6, generator=DRAW)[Y] + 0.5 * torch.randn(176, 6, generator=DRAW)
BATCHES = list(zip(X.split(16), Y.split(16), strict=True))  # 11 an epoch


class Net(L.LightningModule):
    def __init__(self, lr: float = 1e-3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(6, 3)
        self.lr = lr

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", F.cross_entropy(self.net(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), self.lr)


class Waits(Net):
    patience = 10

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), self.lr)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=self.patience, threshold=1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}


class AtOnce(Waits):
    patience = 0


class Needs(Net):
    """It fails where nothing is validated."""

    def on_train_epoch_end(self) -> None:
        float(self.trainer.callback_metrics["val_loss"])


class Stops(Net):
    """A copy of it ends its fit early, without an error."""

    fits = 0

    def on_train_start(self) -> None:
        Stops.fits += 1

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.trainer.should_stop = Stops.fits > 1 and batch_idx >= 6


class ByHand(Net):
    automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(F.cross_entropy(self.net(batch[0]), batch[1]))
        optimizer.step()


class OnTheDevice(Net):
    """Its inputs are made normal where Lightning has moved them."""

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return 0.5 * batch[0] + 1, batch[1]


class DrawsLate(Net):
    def on_train_start(self) -> None:
        nn.init.normal_(self.net.weight, 0, 0.3)


class BuildsLate(Net):
    def setup(self, stage: str) -> None:
        self.net = nn.Linear(6, 3)


class Lazy(Net):
    """Its weights are drawn in the first validation, before the first update."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.LazyLinear(3)


class Chance(Net):
    """Mixes its rows by chance that is not torch's."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        part = random.random() * np.random.beta(1, 1)
        return F.cross_entropy(self.net(part * batch[0]), batch[1])


class Rests(Net):
    """It leaves an epoch after five batches."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        return -1 if batch_idx == 5 else None


class Writes(Net):
    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        loss: Any = super().training_step(batch, batch_idx)
        logger: Any = self.logger
        logger.experiment.add_scalar("own", loss, self.global_step)
        assert Path(str(self.trainer.log_dir)).parts
        return loss


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from BATCHES


def explained(
    net: Net, *callbacks: L.Callback, steps: int = 20, loader: Any = None, epochs: int = 4, **trainer: Any
) -> Explanation | None:
    explain = Explain(steps)
    loader = DataLoader(TensorDataset(X, Y), 16) if loader is None else loader
    fit = L.Trainer(
        max_epochs=epochs, callbacks=[explain, *callbacks], accelerator="cpu", enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **{"logger": False} | trainer,
    )  # fmt: skip
    fit.fit(net, loader, DataLoader(TensorDataset(X, Y), 176))
    return explain.explanation


def losses_by_hand(steps: int, parts: int, lr: float, net: nn.Linear | None = None) -> list[float]:
    """Gradients of `parts` batches accumulated, those left at an epoch's end an update of their own, each divided by
    `parts` as Lightning does; the loss of an update is the mean over its batches."""
    net, losses, these = net or Net().net, [], []
    while True:
        for i, (x, y) in enumerate(BATCHES, 1):
            loss = F.cross_entropy(net(x), y)
            (loss / parts).backward()
            these.append(loss.item())
            if i % parts == 0 or i == len(BATCHES):
                losses.append(sum(these) / len(these))
                if len(losses) == steps:
                    return losses
                these = []
                with torch.no_grad():
                    for p in net.parameters():
                        assert p.grad is not None
                        p -= lr * p.grad
                        p.grad = None


@pytest.mark.slow
@pytest.mark.parametrize("how", ["trainer", "callback", "stream", "one"])
def test_a_step_is_an_update_and_its_loss_is_undivided(how: str) -> None:
    parts = 1 if how == "one" else 4
    callbacks = [GradientAccumulationScheduler({0: parts})] if how == "callback" else []
    trainer = {} if how == "callback" else {"accumulate_grad_batches": parts}
    loader = DataLoader(Stream(), batch_size=None) if how == "stream" else None
    found = explained(Net(), *callbacks, loader=loader, epochs=10, **trainer)
    assert found is not None
    was = found.evidence.as_it_was
    assert was is not None
    assert found.evidence.steps == 20
    assert was.losses == pytest.approx(losses_by_hand(20, parts, 1e-3), rel=1e-5)
    assert found.evidence.repeats in ("to the bit", "nearly")
    assert found.cause == "lr", str(found)
    rates = [fork for fork in found.evidence.forks if fork.change.name == "lr=0.3"]
    assert rates[0].losses == pytest.approx(losses_by_hand(20, parts, 0.3), rel=1e-4)


def test_with_accumulated_gradients_the_undivided_loss_is_held_against_guessing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It came down from far above, and is at the end above what guessing costs; an eighth of it is below the half."""
    net = Net(0.1)
    net.net.weight.data *= 10
    first, *later = losses_by_hand(20, 8, 0.1, copy.deepcopy(net.net))
    assert math.log(3) < sorted(later[-10:])[5] < min(first / 2, 8 * math.log(3) / 2)
    for changes in ("module_changes", "module_pairs"):
        monkeypatch.setattr(f"initlab.callbacks.explain.{changes}", lambda *args: [])
    assert explained(net, accumulate_grad_batches=8, epochs=10) is not None


@pytest.mark.parametrize("net", [OnTheDevice, DrawsLate, BuildsLate, Lazy, Chance, Rests, Writes, Net])
def test_it_repeats_what_training_step_got_from_the_weights_of_the_first_batch(
    net: type[Net], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where a callback behind it draws them; a scheme still draws others."""
    changes = lambda tape, *args: [c for c in module_changes.module_changes(tape, *args) if "kaiming" in c.name]  # noqa: E731
    monkeypatch.setattr("initlab.callbacks.explain.module_changes", changes)
    monkeypatch.setattr("initlab.callbacks.explain.module_pairs", lambda *args: [])
    more: dict[str, Any] = {"logger": TensorBoardLogger(tmp_path)} if net is Writes else {}
    found = explained(net(), *([InitializeWith("xavier", verbose=False)] if net is Net else []), **more)
    assert found is not None
    was, (drawn,) = found.evidence.as_it_was, found.evidence.forks
    assert was is not None
    assert found.evidence.repeats == "to the bit"
    assert drawn.error == ""
    assert drawn.losses[0] != was.losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("net", [Waits, AtOnce])
def test_a_scheduler_that_waits_for_the_validation_ends_no_fork(
    net: type[Waits], capsys: pytest.CaptureFixture[str]
) -> None:
    found = explained(net())
    assert found is not None
    assert found.cause == "lr"
    assert all(len(fork.losses) == 20 and not fork.error for fork in found.evidence.forks)
    said = " ".join(capsys.readouterr().out.replace("why", "").split())
    waits = "a scheduler that waits for val_loss takes no step, for nothing is validated."
    if net is Waits:
        assert "the same losses as recorded, to the bit." in said
        assert f"In these steps {waits}" in said
    else:  # the fit's rate came down
        assert f"As it was the losses are not those that were recorded: {waits}" in said


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (Needs, "it ended after 11 of 20 steps: KeyError: 'val_loss'"),
        (Stops, "it ended after 7 of 20 steps"),
    ],
)
def test_a_repetition_of_too_few_steps_is_no_answer(
    net: type[Net], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(net()) is None
    said = " ".join(capsys.readouterr().out.split())
    assert said.count(f"the fit cannot be repeated, so it is not explained: {why}") == 1
    assert "why" not in said


def test_a_fit_without_a_loss_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(ByHand()) is None
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("training_step returns no loss") == 1


@pytest.mark.slow
def test_of_a_loss_that_came_down_it_is_not_said_that_nothing_was_learned() -> None:
    found = explained(Net(1e-2), epochs=2)
    assert found is not None
    assert found.cause == "lr"
    assert found.says[0] == "Its loss fell, but not to half of guessing, because of the learning rate."  # 1.7 to 0.93
    found = explained(Net(1e-6), epochs=2)
    assert found is not None
    assert found.says[0] == "It did not train because of the learning rate."


@pytest.fixture(autouse=True)
def _few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_changes, "RATES", (0.3,))
    monkeypatch.setattr(module_changes, "SCHEMES", ("kaiming",))
    Stops.fits = 0
