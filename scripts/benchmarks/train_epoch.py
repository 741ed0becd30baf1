"""An epoch of the MLP or of softmax regression: a plain tensor loop, scripts/train.py, other ways."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers import installed
from benchmarks.turns import Times, alternate

BASE = "plain tensor loop"


def train(rounds: int, epochs: int, threads: int, model: str = "mlp", others: bool = True) -> Times:
    """784-256-10 with ReLU or 784-10, batch 256, SGD 0.1, 60,000 images and validation on 10,000: seconds an epoch.

    `others`: also the usual Lightning way and other frameworks, those that are installed.
    """
    words = [f"model={model}", f"trainer.max_epochs={epochs}"]
    with tempfile.TemporaryDirectory() as folder:
        data = tensors()
        contenders = {
            BASE: plain_loop(model, epochs, data),
            "the plain tensor loop again": plain_loop(model, epochs, data),
            "scripts/train.py": ours(folder, words, threads, per=epochs),
            "scripts/train.py model.backward=manual": ours(
                folder, [*words, "model.backward=manual"], threads, per=epochs
            ),
        }
        if others:
            turns, missing = installed(model, epochs, data)
            contenders |= {"the usual Lightning way": usual_lightning(model, epochs, folder, data), **turns}
            if missing:
                print(f"not installed, so left out: {', '.join(missing)}")
        return alternate(contenders, rounds, BASE)


def ours(folder: str, overrides: list[str], threads: int, per: int) -> Callable[[], float]:
    """scripts/train.py from the start of the first epoch to the end of the last; what it prints goes to a file."""
    from benchmarks.stopwatch import Stopwatch
    from initlab.config import compose
    from initlab.train import train

    def run() -> float:
        root = tempfile.mkdtemp(dir=folder)
        cfg = compose("data=fashion_mnist_d2l", "trainer=cpu", f"threads={threads}", *overrides, run_dir=f"{root}/run")
        clock = Stopwatch()
        with open(f"{root}/terminal.txt", "w") as terminal, contextlib.redirect_stdout(terminal):
            train(cfg, callbacks=[clock])
        return clock.seconds / per

    return run


def network(model: str) -> Any:
    """torch's own, of flat images."""
    import torch

    if model == "softmax":
        return torch.nn.Linear(784, 10)
    return torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))


def plain_loop(model: str, epochs: int, data: Any) -> Callable[[], float]:
    """What anyone would write by hand, watching nothing but the validation accuracy."""
    import torch
    from torch.nn import functional as F

    X, y, X_val, y_val = data

    def run() -> float:
        net = network(model)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        start = time.perf_counter()
        for _ in range(epochs):
            for batch in torch.randperm(len(X)).split(256):
                optimizer.zero_grad()
                F.cross_entropy(net(X[batch]), y[batch]).backward()
                optimizer.step()
            with torch.no_grad():
                right = sum(
                    (net(a).argmax(1) == b).sum() for a, b in zip(X_val.split(256), y_val.split(256), strict=True)
                )
            float(right)
        return (time.perf_counter() - start) / epochs

    return run


def usual_lightning(model: str, epochs: int, folder: str, data: Any) -> Callable[[], float]:
    """The templates' way: torchvision's Dataset, ToTensor, DataLoader, torchmetrics, `self.log` in every step."""
    import lightning as L
    import torch
    from lightning.pytorch.loggers import TensorBoardLogger
    from torch.utils.data import DataLoader
    from torchmetrics.classification import MulticlassAccuracy

    from benchmarks.stopwatch import Stopwatch

    class Usual(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Sequential(torch.nn.Flatten(), network(model))
            accuracies = {split: MulticlassAccuracy(10, average="micro") for split in ("fit", "val")}
            self.accuracy = torch.nn.ModuleDict(accuracies)

        def step(self, batch: Any, split: str) -> Any:
            X, y = batch
            logits = self.net(X)
            loss = torch.nn.functional.cross_entropy(logits, y)
            self.accuracy[split](logits, y)
            self.log(f"{split}/loss", loss, on_step=False, on_epoch=True, prog_bar=True)
            self.log(f"{split}/acc", self.accuracy[split], on_step=False, on_epoch=True, prog_bar=True)
            return loss

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.step(batch, "fit")

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.step(batch, "val")

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    X, y, X_val, y_val = data
    fit, val = images(X, y), images(X_val, y_val)

    def run() -> float:
        root, clock = tempfile.mkdtemp(dir=folder), Stopwatch()
        quiet = {"num_sanity_val_steps": 0, "enable_model_summary": False, "default_root_dir": root}
        with open(f"{root}/terminal.txt", "w") as terminal, contextlib.redirect_stdout(terminal):
            trainer = L.Trainer(
                max_epochs=epochs, accelerator="cpu", callbacks=[clock], logger=TensorBoardLogger(root), **quiet
            )
            trainer.fit(Usual(), DataLoader(fit, batch_size=256, shuffle=True), DataLoader(val, batch_size=256))
        return clock.seconds / epochs

    return run


def images(X: Any, y: Any) -> Any:
    """torchvision's data set over arrays already read, so that no files are laid out for it."""
    import torch
    from torchvision import transforms
    from torchvision.datasets import FashionMNIST

    class Images(FashionMNIST):
        def __init__(self) -> None:
            self.data, self.targets = (X.view(-1, 28, 28) * 255).round().to(torch.uint8), y
            self.transform, self.target_transform = transforms.ToTensor(), None

    return Images()


def tensors() -> tuple[Any, Any, Any, Any]:
    """Fashion-MNIST in float32 [n, 784] and int64 [n]: training and test set."""
    from initlab.data import FashionMNIST

    data = FashionMNIST(normalize=False, num_val=0)
    data.setup("fit")
    X, y = (torch_cat(column) for column in zip(*data.train_dataloader(), strict=True))
    X_val, y_val = (torch_cat(column) for column in zip(*data.val_dataloader(), strict=True))
    return X.flatten(1), y, X_val.flatten(1), y_val


def torch_cat(pieces: Any) -> Any:
    import torch

    return torch.cat(list(pieces))
