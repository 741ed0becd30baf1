"""What a job of a sweep costs beyond its arithmetic: of `scripts/train.py -m`, whose jobs run in this process."""

from __future__ import annotations

import contextlib
import runpy
import statistics
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.plain import autograd, plain_loop
from benchmarks.table import quartiles
from benchmarks.train_epoch import tensors
from benchmarks.turns import Times, Turn, alternate

SCRIPT = Path(__file__).resolve().parents[1] / "train.py"
EARLY = 10  # jobs, from the end of which memory is to stay as it is
JOBS = {
    "linear regression, 320 steps": ("model=linear", "data=synthetic_regression"),
    "an epoch of the MLP": ("model=mlp", "data=fashion_mnist_d2l", "trainer.max_epochs=1"),
}
ALONE = "the arithmetic alone"


def jobs(rounds: int, threads: int, accelerator: str, number: int, each: int = 4) -> Times:
    """Seconds from the end of a job's training to the end of the next one's, the median of a sweep of `each` jobs; a
    plain loop over tensors next to it, training and validation. Notes what a job takes more, and the memory that the
    process holds over a first sweep of `number` jobs of linear regression.
    """
    device = "cuda" if accelerator == "gpu" else "cpu"
    epoch = plain_loop("mlp", 1, [part.to(device) for part in tensors()], autograd)
    common = [f"threads={threads}", f"trainer={accelerator}"]
    loops: list[Turn] = [lambda: linear_regression(device), lambda: epoch()[0]]
    turns: dict[str, Turn] = {}
    for (name, words), loop in zip(JOBS.items(), loops, strict=True):
        turns[f"{name}: {ALONE}"] = loop
        turns[name] = partial(from_job_to_job, [*words, *common], each)
    memory = [held for _, held in sweep([*next(iter(JOBS.values())), *common], number)]
    bases = {name: f"{name}: {ALONE}" for name in JOBS}
    times = alternate(turns, rounds, bases)
    for name, base in bases.items():
        more = [a - b for a, b in zip(times.seconds[name], times.seconds[base], strict=True)]
        low, middle, high = quartiles(more)
        times.notes.append(f"{name}: a job takes {middle:.3f} s [{low:.3f}, {high:.3f}] more than {ALONE}")
    early = memory[:EARLY]
    held = f"{early[-1] / 1e6:.0f} MB after job {len(early)}, {memory[-1] / 1e6:.0f} after job {number}"
    times.notes.append(f"resident memory: {held}")
    return times


def sweep(words: list[str], number: int) -> list[tuple[float, int]]:
    """Of each of `number` jobs, when its training ended, and the bytes that this process then held.

    RuntimeError, with what was printed, where not all jobs trained.
    """
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/terminal.txt", "w+") as terminal:
        clock = f"+callbacks.clock={{_target_:benchmarks.stopwatch.Stopwatch,file:{folder}/ends}}"
        words = ["-m", *words, f"seed=range({number})", clock, f"hydra.sweep.dir={folder}/sweep"]
        with (
            patch.object(sys, "argv", [str(SCRIPT), *words]),
            contextlib.redirect_stdout(terminal),
            contextlib.redirect_stderr(terminal),
            contextlib.suppress(SystemExit),
        ):
            runpy.run_path(str(SCRIPT), run_name="__main__")
        ends = Path(folder, "ends")
        lines = [line.split() for line in ends.read_text().splitlines()] if ends.exists() else []
        if len(lines) != number:
            terminal.seek(0)
            raise RuntimeError(f"{' '.join(words)}: {len(lines)} of {number} jobs trained:\n{terminal.read()}")
    return [(float(end), int(held)) for end, held in lines]


def from_job_to_job(words: list[str], number: int) -> float:
    ends = [end for end, _ in sweep(words, number)]
    return statistics.median(later - sooner for sooner, later in pairwise(ends))


def linear_regression(device: str, epochs: int = 10, batch_size: int = 32) -> float:
    """Seconds of d2l 3.4: 1,000 rows to train on, 1,000 to validate on, two inputs."""
    X = torch.randn(2000, 2, device=device)
    y = X @ torch.tensor([[2.0], [-3.4]], device=device) + 4.2
    net = torch.nn.Linear(2, 1, device=device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.03)
    start = time.perf_counter()
    for _ in range(epochs):
        for batch in torch.randperm(1000, device=device).split(batch_size):
            optimizer.zero_grad()
            (torch.nn.functional.mse_loss(net(X[batch]), y[batch]) / 2).backward()
            optimizer.step()
        with torch.no_grad():
            batches = zip(X[1000:].split(batch_size), y[1000:].split(batch_size), strict=True)
            float(sum(torch.nn.functional.mse_loss(net(a), b) for a, b in batches))
    return time.perf_counter() - start
