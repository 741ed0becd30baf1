"""What float32, TF32 and bf16 make of the validation accuracy, from the same seeds."""

from __future__ import annotations

import contextlib
import json
import platform
import random
import statistics
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

BASE = "float32"
QUIET = ("data=fashion_mnist_d2l", "callbacks=none", "logger=none")


@dataclass(frozen=True)
class Contender:
    words: tuple[str, ...]
    emulated: bool = False


@dataclass
class Outcome:
    """One number a seed; accuracies and losses are of the last epoch's validation."""

    accuracies: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: list[float] | None = field(default_factory=list)  # an epoch; None: emulated, so they mean nothing


class MeanDifference(NamedTuple):
    """Mean over seeds of a figure - the base's with the same seed, and its standard error; None: of one seed."""

    mean: float
    standard_error: float | None

    @classmethod
    def of(cls, figures: list[float], base: list[float]) -> MeanDifference:
        pairs = [a - b for a, b in zip(figures, base, strict=True)]
        error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else None
        return cls(statistics.mean(pairs), error)

    def __str__(self) -> str:
        return f"{self.mean:+.5f}" + ("" if self.standard_error is None else f" ± {self.standard_error:.5f}")


def contenders(accelerator: str) -> dict[str, Contender]:
    """On a GPU TF32 is real; on the CPU, whatever it may have, it is emulated: the same on every machine."""
    tf32 = {"TF32": Contender(("matmul_precision=high",))}
    if accelerator == "cpu":
        tf32 = {"TF32, emulated": Contender((), emulated=True)}
    return {BASE: Contender(()), **tf32, "bf16-mixed": Contender(("trainer.precision=bf16-mixed",))}


def precision(
    seeds: int, epochs: int, threads: int, model: str, accelerator: str, words: tuple[str, ...] = ()
) -> dict[str, Outcome]:
    """784-256-10 with ReLU or 784-10, batch 256, SGD 0.1, trained on 60,000 images, validated on 10,000, by
    `initlab.run.train`; the contenders in random order for each seed. `words`: further overrides."""
    if accelerator == "gpu":
        import torch

        if not (torch.cuda.is_available() and torch.cuda.is_tf32_supported()):
            raise SystemExit("error: --accelerator gpu: torch sees no GPU with TF32 here; cpu emulates it")
    made = contenders(accelerator)
    outcomes = {name: Outcome(seconds=None if c.emulated else []) for name, c in made.items()}
    common = (*QUIET, f"model={model}", f"trainer={accelerator}", f"trainer.max_epochs={epochs}", f"threads={threads}")
    for seed in range(seeds):
        for name in random.sample(list(made), len(made)):
            metrics, seconds = run((*common, f"seed={seed}", *made[name].words, *words), made[name].emulated)
            outcomes[name].accuracies.append(metrics["val/acc"])
            outcomes[name].losses.append(metrics["val/loss"])
            if (kept := outcomes[name].seconds) is not None:
                kept.append(seconds / epochs)
    return outcomes


def run(words: tuple[str, ...], emulated: bool = False) -> tuple[dict[str, float], float]:
    """Figures of the last epoch, and seconds of all; what it prints is thrown away."""
    from benchmarks.stopwatch import Stopwatch
    from benchmarks.tf32 import TF32
    from initlab.composition import compose
    from initlab.run import train

    clock = Stopwatch()
    with (
        tempfile.TemporaryDirectory() as folder,
        open(f"{folder}/terminal.txt", "w") as terminal,
        contextlib.redirect_stdout(terminal),
        TF32() if emulated else contextlib.nullcontext(),
    ):
        result = train(compose(*words, run_dir=f"{folder}/run"), callbacks=[clock])
    return result.metrics, clock.seconds


def report(outcomes: dict[str, Outcome], arguments: dict[str, Any], target: Path) -> list[dict[str, Any]]:
    """A table in the terminal; all figures of all seeds in `target`."""
    from rich.console import Console
    from rich.table import Table

    title = f"{arguments['model']}, {arguments['epochs']} epochs, seeds 0 to {arguments['rounds'] - 1}"
    table = Table(title=title, title_justify="left", caption=f"± standard error of the differences to {BASE}, paired")
    for heading in ("", "val/acc: mean", "sd", f"minus {BASE}'s", f"val/loss minus {BASE}'s", "s an epoch: median"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows, base = [], outcomes[BASE]
    for name, outcome in outcomes.items():
        accuracies, seconds = outcome.accuracies, outcome.seconds
        row: dict[str, Any] = {"name": name, **asdict(outcome)}
        cells = [f"{statistics.mean(accuracies):.4f}", _sd(accuracies), "", ""]
        if name != BASE:
            of_accuracy = MeanDifference.of(accuracies, base.accuracies)
            of_loss = MeanDifference.of(outcome.losses, base.losses)
            row |= {"accuracy_difference": of_accuracy._asdict(), "loss_difference": of_loss._asdict()}
            cells[2:] = [str(of_accuracy), str(of_loss)]
        cells.append("" if seconds is None else f"{statistics.median(seconds):.3g}")
        row["said"] = f"val/acc {cells[0]}" + (f", sd {cells[1]}" if cells[1] else "")
        row["said"] += f", minus {BASE}'s {cells[2]}" if name != BASE else ""
        row["said"] += f", {cells[4]} s an epoch" if seconds else ""
        rows.append(row)
        table.add_row(name, *cells)
    Console(width=120).print(table)
    target.parent.mkdir(parents=True, exist_ok=True)
    gpu = _name_of_gpu() if arguments["accelerator"] == "gpu" else None
    record = {"arguments": arguments, "platform": platform.platform(), "gpu": gpu, "rows": rows}
    target.write_text(json.dumps(record, indent=2) + "\n")
    return rows


def _name_of_gpu() -> str:
    import torch

    return str(torch.cuda.get_device_name())


def _sd(values: list[float]) -> str:
    return f"{statistics.stdev(values):.4f}" if len(values) > 1 else ""
