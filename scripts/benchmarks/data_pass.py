"""Reading Fashion-MNIST: from the disk to memory, and one pass over it in batches."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

from benchmarks.turns import Times, Turn, alternate

BASE = "one pass, batch 64: initlab.data"


def data(rounds: int, batch_size: int = 64) -> Times:
    """Seconds of: one pass over the 60,000 training images as float32 batches, ours and torchvision's with DataLoader
    (d2l 4.2 prints 3.4 to 17 s for it); reading the files for the first time and again."""
    with tempfile.TemporaryDirectory() as caches:
        contenders: dict[str, Turn] = {
            BASE: our_pass(batch_size),
            "torchvision, ToTensor, DataLoader": torchvision_pass(batch_size, 0),
            "the same with 2 workers": torchvision_pass(batch_size, 2),
            "files to memory, the first time": reading(caches),
            "files to memory, again": reading(),
        }
        return alternate(contenders, rounds, BASE)


def our_pass(batch_size: int) -> Turn:
    from initlab.data import FashionMNIST

    module = FashionMNIST(normalize=False, num_val=0, batch_size=batch_size)
    module.prepare_data()

    def run() -> float:
        start = time.perf_counter()
        for _ in module.train_dataloader():
            pass
        return time.perf_counter() - start

    return run


def torchvision_pass(batch_size: int, workers: int) -> Turn:
    from torch.utils.data import DataLoader

    from benchmarks.train_epoch import images, tensors

    dataset: Any = images(*tensors()[:2])

    def run() -> float:
        start = time.perf_counter()
        for _ in DataLoader(dataset, batch_size=batch_size, shuffle=True, num_workers=workers):
            pass
        return time.perf_counter() - start

    return run


def reading(caches: str | None = None) -> Turn:
    """caches: a folder in which each turn gets an empty cache of its own; None: with what the one before has left."""
    from initlab.data.fashion_mnist.sources import load_fashion_mnist

    def run() -> float:
        before = os.environ.get("XDG_CACHE_HOME")
        if caches:
            os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(dir=caches)
        try:
            start = time.perf_counter()
            load_fashion_mnist()
            return time.perf_counter() - start
        finally:
            os.environ.pop("XDG_CACHE_HOME", None)
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before

    return run
