"""An epoch of the MLP or of softmax regression: a plain tensor loop, scripts/train.py, other ways."""

from __future__ import annotations

import contextlib
import tempfile
from typing import Any

from benchmarks.learning import Training, learning
from benchmarks.peers import installed
from benchmarks.plain import autograd, by_hand, compiled, cuda_graph, network, plain_loop
from benchmarks.table import quartiles
from benchmarks.turns import Times, alternate, ratios

BASE = "plain tensor loop"
BY_HAND = "plain tensor loop, backward by hand"
OURS_BY_HAND = "scripts/train.py model.backward=manual"
GRAPH = "plain tensor loop, a CUDA graph"
COMPILED = "plain tensor loop, torch.compile"


def train(
    rounds: int, epochs: int, threads: int, model: str = "mlp", others: bool = True, accelerator: str = "cpu"
) -> Times:
    """784-256-10 with ReLU or 784-10, batch 256, SGD 0.1, 60,000 images and validation on 10,000: seconds an epoch.

    `others`: also the usual Lightning way and other frameworks, those that are installed. Prints what each has learned.
    On a GPU the data lie there, and the plain loop also runs as a CUDA graph and, where that works, by torch.compile.
    """
    words = [f"model={model}", f"trainer.max_epochs={epochs}", f"trainer={accelerator}"]
    with tempfile.TemporaryDirectory() as folder:
        data = tuple(part.to("cuda" if accelerator == "gpu" else "cpu") for part in tensors())
        contenders: dict[str, Training] = {
            BASE: plain_loop(model, epochs, data, autograd),
            "the plain tensor loop again": plain_loop(model, epochs, data, autograd),
            "scripts/train.py": ours(folder, words, threads, per=epochs),
            BY_HAND: plain_loop(model, epochs, data, by_hand),
            OURS_BY_HAND: ours(folder, [*words, "model.backward=manual"], threads, per=epochs),
        }
        notes, pairs = [], [(OURS_BY_HAND, BY_HAND)]
        if accelerator == "gpu":
            contenders[GRAPH] = plain_loop(model, epochs, data, cuda_graph)
            try:
                compiled(network(model).to("cuda"))
            except Exception as error:  # no compiler, say
                notes.append(f"torch.compile does not work here, so left out: {str(error).splitlines()[0]}")
            else:
                contenders[COMPILED] = plain_loop(model, epochs, data, compiled)
        if others:
            contenders["the usual Lightning way"] = usual_lightning(model, epochs, folder, data, accelerator)
        if others:
            peers, missing = installed(model, epochs, threads, data)
            contenders |= peers
            if missing:
                notes.append(f"not installed, so left out: {', '.join(missing)}")
        accuracies: dict[str, list[float]] = {}
        turns = {name: learning(name, run, accuracies) for name, run in contenders.items()}
        times = alternate(turns, rounds, BASE)
    print(f"validation accuracy, lowest and highest of all turns; epochs: {epochs}")
    for name in contenders:
        print(f"  {min(accuracies[name]):.3f} {max(accuracies[name]):.3f}  {name}")
    for name, base in pairs:
        low, middle, high = quartiles(ratios(times.seconds, {name: base})[name])
        notes.append(f"'{name}': {middle:.3f} [{low:.3f}, {high:.3f}] of '{base}'")
    times.notes = notes
    return times


def ours(folder: str, overrides: list[str], threads: int, per: int) -> Training:
    """scripts/train.py from the start of the first epoch to the end of the last; what it prints goes to a file."""
    from benchmarks.stopwatch import Stopwatch
    from initlab.composition import compose
    from initlab.run import train

    def run() -> tuple[float, float]:
        root = tempfile.mkdtemp(dir=folder)
        cfg = compose("data=fashion_mnist_d2l", f"threads={threads}", *overrides, run_dir=f"{root}/run")
        clock = Stopwatch()
        with open(f"{root}/terminal.txt", "w") as terminal, contextlib.redirect_stdout(terminal):
            result = train(cfg, callbacks=[clock])
        return clock.seconds / per, result.metrics["val/acc"]

    return run


def usual_lightning(model: str, epochs: int, folder: str, data: Any, accelerator: str) -> Training:
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

    X, y, X_val, y_val = (part.cpu() for part in data)
    fit, val = images(X, y), images(X_val, y_val)

    def run() -> tuple[float, float]:
        root, clock = tempfile.mkdtemp(dir=folder), Stopwatch()
        quiet = {"num_sanity_val_steps": 0, "enable_model_summary": False, "default_root_dir": root}
        with open(f"{root}/terminal.txt", "w") as terminal, contextlib.redirect_stdout(terminal):
            trainer = L.Trainer(
                max_epochs=epochs, accelerator=accelerator, callbacks=[clock], logger=TensorBoardLogger(root), **quiet
            )
            trainer.fit(Usual(), DataLoader(fit, batch_size=256, shuffle=True), DataLoader(val, batch_size=256))
        return clock.seconds / epochs, float(trainer.callback_metrics["val/acc"])

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
