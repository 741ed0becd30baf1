"""Data modules under a real Trainer: devices, hooks, and a run that is cut and taken up again."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from initlab.data import SyntheticRegression


class Recorder(LightningModule):
    """A linear model that keeps what it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(2, 1)
        self.seen: list[list[float]] = []

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        X, y = batch
        self.seen.append(y.flatten().tolist())
        return (self.net(X) - y).square().mean()

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        assert batch[0].device == self.device

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.03)


class Interrupt(Callback):
    def __init__(self, at_step: int) -> None:
        self.at_step = at_step

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.at_step:
            raise RuntimeError("interrupted")


def run(folder: Path, *callbacks: Callback, ckpt_path: Path | None = None) -> Recorder:
    model = Recorder()
    trainer = Trainer(
        max_epochs=3,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[*callbacks, ModelCheckpoint(folder, every_n_train_steps=1, save_top_k=1, filename="last")],
    )
    data = SyntheticRegression(num_train=100, num_val=10, num_test=10, batch_size=16)
    trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=True)
    return model


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("at_step", [1, 6, 7, 10, 14, 20])  # 7 steps an epoch
def test_a_cut_run_sees_the_rest_of_the_batches_in_order(tmp_path: Path, at_step: int) -> None:
    whole = run(tmp_path / "whole").seen
    assert len(whole) == 21
    with pytest.raises(RuntimeError, match="interrupted"):
        run(tmp_path / "cut", Interrupt(at_step))
    (checkpoint,) = (tmp_path / "cut").glob("*.ckpt")
    assert run(tmp_path / "cut", ckpt_path=checkpoint).seen == whole[at_step:]


@pytest.mark.gpu
def test_the_data_moves_to_the_device_of_the_trainer(tmp_path: Path) -> None:
    data = SyntheticRegression()
    trainer = Trainer(accelerator="gpu", devices=1, max_steps=1, logger=False, default_root_dir=tmp_path)
    trainer.fit(Recorder(), data)
    assert all(part.is_cuda for pair in data.splits for part in pair)


def test_it_says_what_it_holds() -> None:
    data = SyntheticRegression(num_train=1200, num_val=10, num_test=20)
    assert str(data) == "SyntheticRegression: 2 inputs, 1 outputs; rows: 1,200 train, 10 val, 20 test"
