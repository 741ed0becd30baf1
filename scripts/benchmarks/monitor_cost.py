"""A step of a six-layer MLP, 784-256x5-10, batch 256, ReLU, SGD: watched by nothing, by ours, by others."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from benchmarks.rivals import FastaiStyle, NaiveHooks
from benchmarks.stopwatch import Stopwatch
from benchmarks.turns import Times, between
from initlab.callbacks import SignalMonitor

BASE = "nothing"
DENSE = 100  # steps at the beginning that SignalMonitor looks at more closely; timed apart from the others


def contenders() -> dict[str, Callable[[], list[L.Callback]]]:
    """By name, what watches: the six dense layers, or all eleven with the activations between them."""
    every_step: dict[str, Any] = {"every_n_steps": 1, "dense_steps": 0, "max_overhead": None, "observers": ()}
    mean_std: dict[str, Any] = every_step | {"quantities": ["mean", "std"]}
    return {
        BASE: list,
        "nothing, once more": list,
        "SignalMonitor()": lambda: [SignalMonitor()],
        "mean, std every step, 6 dense layers": lambda: [SignalMonitor(**mean_std, layers="Linear")],
        "mean, std every step, all 11": lambda: [SignalMonitor(**mean_std)],
        "everything every step, all 11": lambda: [SignalMonitor(**every_step)],
        "naive .item() hooks, all 11": lambda: [NaiveHooks()],
        "as fastai's ActivationStats, all 11": lambda: [FastaiStyle()],
    }


def monitor(rounds: int, steps: int, accelerator: str = "cpu", skip: int = DENSE, width: int = 256) -> Times:
    """Seconds a step in a Lightning trainer with a TensorBoard logger, of `steps` steps after `skip` that do not
    count; what is done after the last step does not count either."""
    with tempfile.TemporaryDirectory() as folder:
        turns = {name: turn(make, steps, skip, accelerator, width, folder) for name, make in contenders().items()}
        return between(turns, rounds, BASE)


def turn(
    make: Callable[[], list[L.Callback]], steps: int, skip: int, accelerator: str, width: int, folder: str
) -> Callable[[], float]:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(10, 256, 784, generator=generator)
    y = torch.randint(10, (10, 256), generator=generator)
    device = "cuda" if accelerator in ("gpu", "cuda") else "cpu"
    batches = [(a, b) for a, b in zip(X.to(device), y.to(device), strict=True)]
    data = Cycle(batches, skip + steps)

    def run() -> float:
        clock, root = Stopwatch(skip), tempfile.mkdtemp(dir=folder)
        torch.manual_seed(0)
        with open(f"{root}/terminal.txt", "w") as terminal, contextlib.redirect_stdout(terminal):
            trainer = L.Trainer(
                max_epochs=1, accelerator=accelerator, devices=1, callbacks=[*make(), clock],
                logger=TensorBoardLogger(root, max_queue=1000), default_root_dir=root, enable_checkpointing=False,
                enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=10**9,
            )  # fmt: skip
            trainer.fit(Net(width), data)
        return clock.seconds_a_step

    return run


class Cycle:
    """`length` batches, the same few over and over."""

    def __init__(self, batches: list[tuple[torch.Tensor, torch.Tensor]], length: int) -> None:
        self.batches, self.length = batches, length

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return itertools.islice(itertools.cycle(self.batches), self.length)


class Net(L.LightningModule):
    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [784, *[width] * 5, 10]
        layers: list[torch.nn.Module] = []
        for i in range(6):
            layers += [torch.nn.Linear(sizes[i], sizes[i + 1]), torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers[:-1])
        for name, weight in self.net.named_parameters():
            if name.endswith("weight"):
                torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        X, y = batch
        return torch.nn.functional.cross_entropy(self.net(X), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)
