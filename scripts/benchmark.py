"""How fast is it, beside doing the same by hand? Every figure is a ratio of runs that alternate in one process.

    python scripts/benchmark.py train      an epoch of the MLP: a plain tensor loop, ours, the usual Lightning way
    python scripts/benchmark.py monitor    a step of a six-layer MLP: watched by nothing, now and then, at every step
    python scripts/benchmark.py startup    --help, a wrong word, and the imports that a run cannot avoid

Prints a table (median, lowest and highest of the rounds) and writes outputs/benchmarks/<name>.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
Seconds = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["train", "monitor", "startup"])
    parser.add_argument("--rounds", type=int, default=7, help="how often each contender has its turn")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--epochs", type=int, default=2, help="train: epochs of a turn")
    parser.add_argument("--steps", type=int, default=200, help="monitor: steps of a turn")
    args = parser.parse_args()

    if args.name == "startup":
        report(args, startup(args.rounds), base="import torch, lightning", unit="s")
        return
    import torch

    torch.set_num_threads(args.threads)
    if args.name == "train":
        report(args, train(args.rounds, args.epochs, args.threads), base="plain tensor loop", unit="s an epoch")
    else:
        report(args, monitor(args.rounds, args.steps, args.threads), base="nothing", unit="s a step")


def alternate(contenders: dict[str, Callable[[], float]], rounds: int) -> Seconds:
    """Each contender once a round, in random order, after one turn each that does not count."""
    seconds: Seconds = {name: [] for name in contenders}
    for turn in range(-1, rounds):
        for name in random.sample(list(contenders), len(contenders)):
            took = contenders[name]()
            if turn >= 0:
                seconds[name].append(took)
    return seconds


def report(args: argparse.Namespace, seconds: Seconds, base: str, unit: str) -> None:
    """Table and JSON; a ratio is the median over rounds of (contender / base in the same round)."""
    import platform

    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{args.name}: {args.rounds} rounds, {args.threads} CPU thread(s)", title_justify="left")
    for heading in ("", f"{unit}: median", "lowest", "highest", f"ratio to '{base}'", "lowest", "highest"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = []
    for name, times in seconds.items():
        ratios = [a / b for a, b in zip(times, seconds[base], strict=True)]
        rows.append({"name": name, "seconds": times, "ratio": statistics.median(ratios), "ratios": ratios})
        spread = [statistics.median(times), min(times), max(times)]
        ratio_spread = [statistics.median(ratios), min(ratios), max(ratios)]
        table.add_row(name, *(f"{t:.4g}" for t in spread), *(f"{r:.3f}" for r in ratio_spread))
    Console(width=120).print(table)
    target = ROOT / "outputs" / "benchmarks" / f"{args.name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    record = {"arguments": vars(args), "platform": platform.platform(), "unit": unit, "base": base, "rows": rows}
    target.write_text(json.dumps(record, indent=2) + "\n")
    print(target.relative_to(ROOT))


def train(rounds: int, epochs: int, threads: int) -> Seconds:
    """MLP 784-256-10, ReLU, batch 256, SGD 0.1, 60,000 images and validation on 10,000: seconds an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        contenders = {
            "plain tensor loop": plain_loop(epochs),
            "scripts/train.py": ours(folder, [f"trainer.max_epochs={epochs}"], threads, per=epochs),
            "the usual Lightning way": usual_lightning(epochs, folder),
        }
        return alternate(contenders, rounds)


def monitor(rounds: int, steps: int, threads: int) -> Seconds:
    """MLP 784-256x5-10, batch 256: seconds a step, without validation, checkpoints and bar."""
    bare = ["model.depth=5", "callbacks=none", "trainer.max_epochs=1", "trainer.limit_val_batches=0"]
    bare += [f"trainer.limit_train_batches={steps}", "trainer.limit_test_batches=0"]
    stats = "+callbacks.stats={_target_:initlab.monitor.ActivationStats,every_n_steps:%d}"
    with tempfile.TemporaryDirectory() as folder:
        contenders = {
            "nothing": ours(folder, bare, threads, per=steps),
            "nothing, once more": ours(folder, bare, threads, per=steps),
            "ActivationStats every 50 steps": ours(folder, [*bare, stats % 50], threads, per=steps),
            "ActivationStats every step": ours(folder, [*bare, stats % 1], threads, per=steps),
        }
        return alternate(contenders, rounds)


def startup(rounds: int) -> Seconds:
    """Seconds of whole processes."""

    def process(*words: str) -> Callable[[], float]:
        def run() -> float:
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False)
            return time.perf_counter() - start

        return run

    contenders = {
        "import torch, lightning": process("-c", "import torch, lightning"),
        "train.py --help": process("scripts/train.py", "--help"),
        "train.py init=kaimng": process("scripts/train.py", "init=kaimng"),
        "train.py experiment=d2l_linear": process("scripts/train.py", "experiment=d2l_linear"),
    }
    return alternate(contenders, rounds)


def ours(folder: str, overrides: list[str], threads: int, per: int) -> Callable[[], float]:
    """scripts/train.py from the start of the first epoch to the end of the last; what it prints goes to a file."""
    from initlab.config import compose
    from initlab.train import train

    def run() -> float:
        run_dir = tempfile.mkdtemp(dir=folder)
        cfg = compose("data=fashion_mnist_d2l", "trainer=cpu", f"threads={threads}", *overrides, run_dir=run_dir)
        clock = stopwatch()
        with open(f"{run_dir}/terminal.txt", "w") as terminal, contextlib.redirect_stdout(terminal):
            train(cfg, callbacks=[clock])
        return clock.seconds / per

    return run


def stopwatch() -> Any:
    """A callback whose `seconds` run from the start of the first epoch to the end of the fit."""
    import lightning as L

    class Stopwatch(L.Callback):
        def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            self.start = time.perf_counter()

        def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            self.seconds = time.perf_counter() - self.start

    return Stopwatch()


def plain_loop(epochs: int) -> Callable[[], float]:
    """What anyone would write by hand, watching nothing but the validation accuracy."""
    import torch
    from torch.nn import functional as F

    X, y, X_val, y_val = tensors()

    def run() -> float:
        net = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
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


def usual_lightning(epochs: int, folder: str) -> Callable[[], float]:
    """The templates' way: torchvision's Dataset, ToTensor, DataLoader, torchmetrics, `self.log` in every step."""
    import lightning as L
    import torch
    from lightning.pytorch.loggers import TensorBoardLogger
    from torch.utils.data import DataLoader
    from torchmetrics.classification import MulticlassAccuracy
    from torchvision import transforms
    from torchvision.datasets import FashionMNIST

    class Usual(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            flatten, hidden, out = torch.nn.Flatten(), torch.nn.Linear(784, 256), torch.nn.Linear(256, 10)
            self.net = torch.nn.Sequential(flatten, hidden, torch.nn.ReLU(), out)
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

    class Images(FashionMNIST):
        """torchvision's data set over arrays already read, so that no files are laid out for it."""

        def __init__(self, X: torch.Tensor, y: torch.Tensor) -> None:
            self.data, self.targets = (X.view(-1, 28, 28) * 255).round().to(torch.uint8), y
            self.transform, self.target_transform = transforms.ToTensor(), None

    X, y, X_val, y_val = tensors()
    fit, val = Images(X, y), Images(X_val, y_val)

    def run() -> float:
        root, clock = tempfile.mkdtemp(dir=folder), stopwatch()
        quiet = {"num_sanity_val_steps": 0, "enable_model_summary": False, "default_root_dir": root}
        with open(f"{root}/terminal.txt", "w") as terminal, contextlib.redirect_stdout(terminal):
            trainer = L.Trainer(
                max_epochs=epochs, accelerator="cpu", callbacks=[clock], logger=TensorBoardLogger(root), **quiet
            )
            trainer.fit(Usual(), DataLoader(fit, batch_size=256, shuffle=True), DataLoader(val, batch_size=256))
        return clock.seconds / epochs

    return run


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


if __name__ == "__main__":
    main()
