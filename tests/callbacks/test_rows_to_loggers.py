"""The monitor's rows in loggers of any kind: the numbers of signal.csv, at steps that are known beforehand."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loggers.logger import Logger
from torch import nn

from initlab.callbacks import CsvLogger, EpochLines, SignalMonitor
from initlab.callbacks.rows_to_loggers import MOST

Rows = dict[tuple[int, str, str], float]


class Own(Logger):
    """As a user writes one; what it was given, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int | None, dict[str, float]]] = []

    @property
    def name(self) -> str:
        return "own"

    @property
    def version(self) -> int:
        return 0

    def log_hyperparams(self, params: Any, *args: Any, **more: Any) -> None: ...

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.calls.append((step, metrics))

    @property
    def rows(self) -> dict[int | None, dict[str, float]]:
        found: dict[int | None, dict[str, float]] = {}
        for step, metrics in self.calls:
            found.setdefault(step, {}).update(metrics)
        return found


class Breaks(Own):
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        super().log_metrics(metrics, step)
        raise ConnectionError("the server is gone")


class Net(L.LightningModule):
    """One layer twice: its second call has a row of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.turn, self.out = nn.Linear(4, 4), nn.Linear(4, 1)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.out(self.turn(self.turn(batch).tanh())).square().mean()  # type: ignore[no-any-return]

    def train_dataloader(self) -> Any:
        g = torch.Generator().manual_seed(1)
        return torch.utils.data.DataLoader(torch.randn(2400, 4, generator=g), batch_size=8)  # type: ignore[arg-type]

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def train(folder: Path, loggers: list[Any], steps: int = 3, **more: Any) -> L.Trainer:
    trainer = L.Trainer(
        accelerator="cpu", logger=loggers, max_steps=steps, max_epochs=-1, default_root_dir=folder,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[SignalMonitor(observers=(), folder=folder, **more)],
    )  # fmt: skip
    trainer.fit(Net())
    return trainer


def written(folder: Path) -> Rows:
    with open(folder / "signal.csv", newline="") as lines:
        return {(int(r["step"]), r["layer"], r["quantity"]): float(r["value"]) for r in csv.DictReader(lines)}


def test_the_names_and_numbers_of_signal_csv(tmp_path: Path) -> None:
    own = Own()
    train(tmp_path, [own], steps=11)
    rows, file = own.rows, written(tmp_path)
    assert rows[10]["activations/turn/std"] == file[10, "turn", "std"]
    assert rows[10]["activations/turn-2/mean"] == file[10, "turn#2", "mean"]
    assert rows[10]["gradients/out/grad_std"] == file[10, "out", "grad_std"]
    assert rows[10]["parameters/out.weight/update_ratio"] == file[10, "out.weight", "update_ratio"]
    assert rows[10]["batch/loss"] == file[10, "loss", "loss"]
    assert sum(map(len, rows.values())) == len(file)  # none lost, none twice


def test_the_rate_depends_on_step_numbers_alone(tmp_path: Path) -> None:
    """However closely the monitor looks: each of the first 100 steps, then one of each hundred; in order, so that a
    logger whose steps may not fall takes them."""
    own = Own()
    train(tmp_path, [own], steps=250, every_n_steps=1)
    steps = [step for step, _ in own.calls]
    assert steps == [*range(100), 100, 200]
    other = Own()
    train(tmp_path / "seldom", [other], steps=250, every_n_steps=120, dense_steps=0)
    assert [step for step, _ in other.calls] == [0, 120, 240]


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint")
def test_a_resumed_fit_logs_what_an_uncut_one_does(tmp_path: Path) -> None:
    whole, first, second = Own(), Own(), Own()
    more: dict[str, Any] = {"every_n_steps": 30, "dense_steps": 0}
    train(tmp_path / "whole", [whole], steps=250, **more)
    cut = train(tmp_path / "cut", [first], steps=130, **more)
    cut.save_checkpoint(tmp_path / "at.ckpt")
    again = L.Trainer(
        accelerator="cpu", logger=[second], max_steps=250, max_epochs=-1, default_root_dir=tmp_path,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[SignalMonitor(observers=(), folder=tmp_path / "cut", **more)],
    )  # fmt: skip
    again.fit(Net(), ckpt_path=tmp_path / "at.ckpt", weights_only=True)
    assert [s for s, _ in first.calls + second.calls] == [s for s, _ in whole.calls] == [0, 30, 60, 90, 120, 210]


def test_a_logger_that_raises_is_named_once_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], notes: list[str]
) -> None:
    own, broken = Own(), Breaks()
    trainer = train(tmp_path, [broken, own], steps=20)
    assert trainer.global_step == 20
    assert len(broken.calls) == 1
    assert len(own.calls) == 11  # steps 0 to 9, 10
    assert capsys.readouterr().out.count("rows to Breaks failed (ConnectionError: the server is gone)") == 1


def test_more_rows_than_mlflow_takes_at_once(tmp_path: Path) -> None:
    class Wide(Net):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Sequential(*(nn.Linear(4, 4) for _ in range(130)))  # type: ignore[assignment]

    own = Own()
    trainer = L.Trainer(
        accelerator="cpu", logger=own, max_steps=1, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[SignalMonitor(observers=(), folder=tmp_path)],
    )  # fmt: skip
    trainer.fit(Wide())
    assert [step for step, _ in own.calls] == [0, 0]
    assert max(len(metrics) for _, metrics in own.calls) == MOST
    assert len(own.rows[0]) == len(written(tmp_path))


def test_lightnings_csv_logger(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="")
    train(tmp_path, [logger], steps=2)
    with open(tmp_path / "metrics.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert float(rows[1]["activations/out/std"]) == written(tmp_path)[1, "out", "std"]


def test_those_that_have_the_rows_otherwise_get_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default run's: not one call, and nothing in their rows of epochs."""
    loggers = [TensorBoardLogger(tmp_path), CsvLogger(tmp_path), EpochLines()]
    for logger in loggers:
        monkeypatch.setattr(logger, "log_metrics", lambda *args, **more: pytest.fail("called"))
    train(tmp_path, loggers, steps=3)


def test_a_trainer_of_pytorch_lightning(tmp_path: Path) -> None:
    pl = pytest.importorskip("pytorch_lightning", reason="pytorch_lightning is not installed")
    from pytorch_lightning.loggers.logger import Logger as Theirs

    class Kept(Theirs):  # type: ignore[misc]
        name, version = "kept", 0
        calls: list[tuple[int, dict[str, float]]] = []  # noqa: RUF012

        def log_hyperparams(self, *args: Any, **more: Any) -> None: ...

        def log_metrics(self, metrics: Any, step: int) -> None:
            self.calls.append((step, metrics))

    class TheirNet(pl.LightningModule):  # type: ignore[misc, name-defined]
        __init__, training_step = Net.__init__, Net.training_step
        train_dataloader, configure_optimizers = Net.train_dataloader, Net.configure_optimizers

    TheirNet.__init__ = lambda self: (  # type: ignore[method-assign, assignment]
        pl.LightningModule.__init__(self),
        setattr(self, "turn", nn.Linear(4, 4)),
        setattr(self, "out", nn.Linear(4, 1)),
    )[0]
    logger = Kept()
    pl.Trainer(
        accelerator="cpu", logger=logger, max_steps=3, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[SignalMonitor(observers=(), folder=tmp_path)],
    ).fit(TheirNet())  # fmt: skip
    assert [step for step, _ in logger.calls] == [0, 1, 2]
    assert logger.calls[2][1]["activations/turn/std"] == written(tmp_path)[2, "turn", "std"]


def test_watching_with_a_logger_changes_no_weight(fit: Callable[..., Any], tmp_path: Path) -> None:
    plain, watched = Net(), Net()
    fit(plain, None, max_steps=12, max_epochs=-1)
    fit(watched, None, max_steps=12, max_epochs=-1, logger=Own(), callbacks=[SignalMonitor(folder=tmp_path)])
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), watched.parameters(), strict=True))
