"""Whatever is logged during an epoch, by whom and when, is in its row: of the file, of `open_run`, of the page, and of
the terminal while there is room; also in a run that was killed and resumed."""

import math
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers.logger import Logger
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from initlab.composition import compose
from initlab.console import CONSOLE
from initlab.report.figures import epochs
from initlab.run import train
from initlab.runs import Run, open_run

LINEAR = [
    "model=linear",
    "data=synthetic_regression",
    "init=normal",
    "trainer=cpu",
    "threads=1",
    "callbacks.monitor=null",
]
OWN = [*LINEAR, "model._target_=test_epoch_rows.OwnLogging"]


class Heard(Logger):
    """Remembers every call, as the oracle: the last value of a name within an epoch is what its row must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.now: dict[str, float] = {}
        self.rows: list[dict[str, float]] = []

    name = version = ""  # type: ignore[assignment]

    def log_hyperparams(self, *args: Any, **more: Any) -> None: ...

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.now |= {name: float(value) for name, value in metrics.items() if name not in ("epoch", "step")}


class Odd(L.Callback):
    """Logs in every way there is, at odd times; ends the epochs of `Heard` when Lightning has logged all of them."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.loggers = [*trainer.loggers, self.heard]

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch:
            self._end()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *rest: Any) -> None:
        pl_module.log("mine/mean", float(trainer.global_step), on_step=False, on_epoch=True, batch_size=1)
        if trainer.global_step % 37 == 0:
            for logger in trainer.loggers:
                logger.log_metrics({"mine/odd": trainer.global_step}, step=trainer.global_step)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for logger in trainer.loggers:
            logger.log_metrics({"mine/validated": trainer.global_step}, step=trainer.global_step)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        pl_module.log("mine/ended", torch.tensor(trainer.current_epoch / 3))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for logger in trainer.loggers:
            logger.log_metrics({"mine/at the end": 0.5}, step=trainer.global_step)
        self._end()

    def _end(self) -> None:
        self.heard.rows.append(self.heard.now)
        self.heard.now = {}


class OwnLogging(L.LightningModule):
    """A model that knows nothing of this project and logs as Lightning's documentation has it."""

    def __init__(self, num_inputs: int, num_outputs: int, **rest: Any) -> None:
        super().__init__()
        self.net = torch.nn.Linear(num_inputs, num_outputs)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("test/loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.03)


def same(ours: float, its: float) -> bool:
    return math.isclose(ours, its, rel_tol=1e-6) or (math.isnan(ours) and math.isnan(its))


@pytest.mark.parametrize("model", [LINEAR, OWN])
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["trainer.check_val_every_n_epoch=2", "trainer.num_sanity_val_steps=2"],
        ["+trainer.val_check_interval=0.5", "+trainer.log_every_n_steps=7"],
        ["trainer.check_val_every_n_epoch=4", "steps_per_execution=5"],
        ["trainer.limit_val_batches=0", "monitor=train/loss", "~callbacks.best"],
    ],
)
def test_everything_that_was_logged_is_in_its_row(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: list[str],
    words: list[str],
) -> None:
    monkeypatch.setattr(type(CONSOLE), "width", 400)
    heard = Heard()
    watching = [Odd(heard), LearningRateMonitor("epoch"), LearningRateMonitor("step")]
    train(compose(*model, *words, "trainer.max_epochs=4", run_dir=tmp_path / "run"), watching)
    rows = open_run(tmp_path / "run").metrics
    assert list(rows["epoch"]) == [0, 1, 2, 3]
    assert list(rows["step"]) == [32, 64, 96, 128]  # ceil(1000 / 32) an epoch
    assert len(heard.rows) == 4
    for expected, (_, row) in zip(heard.rows, rows.iterrows(), strict=True):
        for name, value in expected.items():
            assert same(row[name], value), name
    validated = [row for row in heard.rows if "val/loss" in row]
    assert bool(validated) == ("trainer.limit_val_batches=0" not in words)
    assert rows["val/loss"].count() == len(validated) if validated else "val/loss" not in rows

    names = {name for row in heard.rows for name in row}
    assert names <= epochs(Run.lenient(tmp_path / "run"), 100).keys() | {"step"}
    said = capsys.readouterr().out
    for name in names - {"mine/at the end"}:
        assert name in said, name
    assert "nan" not in said


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (LINEAR, ["trainer.check_val_every_n_epoch=2", "callbacks.last.every_n_steps=10"]),
        (
            LINEAR,
            [
                "trainer.check_val_every_n_epoch=3",
                "callbacks.last.every_n_steps=10",
                "steps_per_execution=5",
                "trainer.num_sanity_val_steps=1",
            ],
        ),
        # from the ends of epochs: Lightning's checkpoints do not hold what `self.log` has gathered so far
        (OWN, ["trainer.check_val_every_n_epoch=2", "callbacks.last.every_n_steps=1000"]),
    ],
)
def test_killed_and_resumed_it_is_the_same_file(tmp_path: Path, model: list[str], words: list[str]) -> None:
    """A fork is killed at one step after the other; between the kills columns come that the checkpoint did not have."""
    more = ["trainer.max_epochs=4"]
    resume = (f"resume={tmp_path / 'run'}", "allow=test_epoch_rows")

    def straight(folder: Path) -> None:
        train(compose(*model, *words, *more, run_dir=folder), [EpochOnly(), LearningRateMonitor("epoch")])

    straight(tmp_path / "straight")
    folder = tmp_path / "run"
    for i, die in enumerate([5, 32, 40, 64, 66, 100]):
        pid = os.fork()
        if pid == 0:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
            cfg = compose(*((*model, *words, *more) if i == 0 else resume), run_dir=folder)
            train(cfg, [EpochOnly(), LearningRateMonitor("epoch"), Die(die)])
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    train(compose(*resume), [EpochOnly(), LearningRateMonitor("epoch")])
    assert (folder / "metrics.csv").read_bytes() == (tmp_path / "straight" / "metrics.csv").read_bytes()
    assert scalars(folder) == scalars(tmp_path / "straight")


class EpochOnly(L.Callback):
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        pl_module.log(f"epoch/{trainer.current_epoch % 3}", trainer.current_epoch / 3)


class Die(L.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: L.Trainer, *rest: Any) -> None:
        if trainer.global_step >= self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for part in sorted((folder / "tensorboard").glob("events*"), key=lambda path: path.stat().st_mtime_ns):
        for event in EventFileLoader(str(part)).Load():
            for value in event.summary.value:
                if value.HasField("tensor") and value.tensor.float_val:
                    found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return found


def test_a_checkpoint_from_before_the_table_was_in_it_resumes(tmp_path: Path) -> None:
    """Its lengths name metrics.csv."""
    train(compose(*LINEAR, "trainer.max_epochs=2", run_dir=tmp_path / "run"))
    shutil.copytree(tmp_path / "run", tmp_path / "old")
    path = tmp_path / "old" / "checkpoints" / "last.ckpt"
    saved = torch.load(path, weights_only=True)
    del saved["epochs"]
    saved["run"]["lengths"]["metrics.csv"] = (tmp_path / "old" / "metrics.csv").stat().st_size
    torch.save(saved, path)
    for name in ("run", "old"):
        train(compose(f"resume={tmp_path / name}", "trainer.max_epochs=3"))
    assert (tmp_path / "old" / "metrics.csv").read_bytes() == (tmp_path / "run" / "metrics.csv").read_bytes()
