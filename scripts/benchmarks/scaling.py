"""Seconds a step against batch size, width, depth and threads, and the time that the arithmetic alone would take."""

from __future__ import annotations

import contextlib
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH_SIZES, WIDTHS, DEPTHS = (16, 64, 256, 1024, 4096), (64, 256, 1024, 4096), (1, 5, 20, 50)
BATCH_SIZE, WIDTH, DEPTH = 256, 256, 1  # of the others, while one varies
ROWS = 60_000  # of an epoch


@dataclass(frozen=True)
class Point:
    axis: str  # what varies: batch size, width, depth
    batch_size: int
    width: int
    depth: int
    threads: int
    seconds_a_step: float  # mean over the steps of one run, after its first execution
    floor: float  # seconds of its matrix products at the rate of this machine

    @property
    def value(self) -> int:
        return {"batch size": self.batch_size, "width": self.width, "depth": self.depth}[self.axis]

    @property
    def epoch(self) -> float:
        """Seconds of a training epoch of 60,000 rows."""
        return self.seconds_a_step * ROWS / self.batch_size


def settings(sizes: tuple[Any, Any, Any] = (BATCH_SIZES, WIDTHS, DEPTHS)) -> Iterator[tuple[str, int, int, int]]:
    """(what varies, batch size, width, depth)."""
    yield from (("batch size", size, WIDTH, DEPTH) for size in sizes[0])
    yield from (("width", BATCH_SIZE, width, DEPTH) for width in sizes[1])
    yield from (("depth", BATCH_SIZE, WIDTH, depth) for depth in sizes[2])


def scaling(threads: tuple[int, ...], seconds: float, backward: str, sizes: Any = None) -> list[Point]:
    """All points, through `initlab.run.train` with its default monitor, TensorBoard, CSV and checkpoints.

    `seconds`: how long the steps of each are timed.
    """
    import torch

    points = []
    for number in threads:
        torch.set_num_threads(number)
        rate = gemm_rate()
        for axis, batch_size, width, depth in settings(*([sizes] if sizes else [])):
            took = step_time(batch_size, width, depth, number, seconds, backward)
            floor = operations(batch_size, [784, *[width] * depth, 10]) / rate
            points.append(Point(axis, batch_size, width, depth, number, took, floor))
    return points


def operations(batch_size: int, sizes: list[int]) -> float:
    """Of the matrix products of a step: forward, weights' gradients, and signals' gradients but the first layer's; a
    product [m, k] [k, n] takes 2 m k n."""
    layers = [2.0 * batch_size * i * o for i, o in pairwise(sizes)]
    return 3 * sum(layers) - layers[0]


def gemm_rate(size: int = 2048, times: int = 5) -> float:
    import torch

    a, b, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def step_time(batch_size: int, width: int, depth: int, threads: int, seconds: float, backward: str) -> float:
    """Seconds of a step in mid-run, the mean."""
    from benchmarks.stopwatch import LEAST, Stopwatch
    from initlab.composition import compose
    from initlab.run import train

    clock = Stopwatch(skip=LEAST, enough=seconds)
    words = [
        f"data.batch_size={batch_size}", f"model.width={width}", f"model.depth={depth}", f"threads={threads}",
        f"model.backward={backward}", "trainer=cpu", "trainer.max_epochs=1000", "trainer.limit_val_batches=1",
        "trainer.limit_test_batches=1", "callbacks.monitor.dense_steps=0", "lr=0.001",
    ]  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as folder,
        open(f"{folder}/terminal.txt", "w") as terminal,
        contextlib.redirect_stdout(terminal),
    ):
        train(compose(*words, run_dir=f"{folder}/run"), callbacks=[clock])
    return clock.seconds_a_step


def report(points: list[Point], arguments: dict[str, Any], target: Path) -> None:
    """A table in the terminal, `target` in JSON, and a picture next to it."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="784 - width x depth - 10, one step, and a training epoch of 60,000 rows", title_justify="left")
    for heading in ("batch", "width", "depth", "threads", "ms a step", "s an epoch", "arithmetic alone", "ratio"):
        table.add_column(heading, justify="right")
    for p in points:
        cells = (f"{1e3 * p.seconds_a_step:.3g}", f"{p.epoch:.3g}", f"{p.epoch * p.floor / p.seconds_a_step:.3g} s")
        ratio = f"{p.seconds_a_step / p.floor:.2f}"
        table.add_row(*map(str, (p.batch_size, p.width, p.depth, p.threads)), *cells, ratio)
    Console(width=120).print(table)
    target.parent.mkdir(parents=True, exist_ok=True)
    record = {"arguments": arguments, "platform": platform.platform(), "points": [asdict(p) for p in points]}
    target.write_text(json.dumps(record, indent=2) + "\n")
    from initlab.plots.style import save

    save(lambda: draw(points), target.with_suffix(".png"), formulas=True)


def draw(points: list[Point]) -> Figure:
    """Seconds of an epoch over what varies, a panel each, logarithmic; dashed: the arithmetic alone."""
    from initlab.plots.style import BLUE, ORANGE, new_figure, plain

    figure = new_figure(11, 3.8)
    axes = figure.subplots(1, 3, sharey=True)
    for panel, axis in zip(axes, ("batch size", "width", "depth"), strict=True):
        of_axis = [p for p in points if p.axis == axis]
        for color, threads in zip((BLUE, ORANGE), sorted({p.threads for p in points}), strict=False):
            line = sorted((p for p in of_axis if p.threads == threads), key=lambda p: p.value)
            x = [p.value for p in line]
            words = f"{threads} thread" + ("s" if threads > 1 else "")
            panel.plot(x, [p.epoch for p in line], "o-", color=color, label=words)
            floor = [p.epoch * p.floor / p.seconds_a_step for p in line]
            panel.plot(x, floor, "--", color=color, alpha=0.7, label=f"{words}, arithmetic alone")
        panel.set(xscale="log", yscale="log", xlabel=axis)
        values = sorted({p.value for p in of_axis})
        panel.set_xticks(values, [f"{v}" for v in values])
        panel.minorticks_off()
        panel.grid(alpha=0.25)
        plain(panel)
    axes[0].set_ylabel("seconds a training epoch (60,000 rows)")
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle("A training epoch of the MLP 784-256-10 as one thing varies, and its matrix products alone")
    return figure
