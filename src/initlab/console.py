"""What a run says in the terminal, before and after."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import ROUNDED
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import lightning as L

    from initlab.init import Scheme
    from initlab.train import Result

HEAD, TAIL = 6, 3  # layers shown of a deep network
CONSOLE = Console()  # one for all, so that lines and a live bar do not write over each other


def show_model(model: L.LightningModule, scheme: Scheme, trainer: L.Trainer, seed: int) -> None:
    """A line a layer: its shape, its parameters, and the std that its weights were promised and have."""
    import torch

    from initlab.init import dense_layers, gain_of

    device = trainer.strategy.root_device
    where = f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else torch.cuda.get_device_name(device)
    CONSOLE.print(f"[bold]{type(model).__name__}[/], init {scheme}, seed {seed}, {where}", highlight=False)
    table = Table(box=ROUNDED)
    table.add_column("layer")
    for heading in ("inputs", "outputs", "parameters", "weight std promised", "drawn"):
        table.add_column(heading, justify="right")
    layers = list(dense_layers(model))
    left_out = range(HEAD, len(layers) - TAIL)
    for i, (name, layer) in enumerate(layers):
        if i in left_out:
            if i == left_out[0]:
                table.add_row("...")
            continue
        num_outputs, num_inputs = layer.weight.shape
        count = sum(p.numel() for p in layer.parameters())
        promised = scheme.at(i, len(layers)).weight_std(num_inputs, num_outputs, gain_of(model))
        promise = "by the data" if math.isnan(promised) else f"{promised:.4g}"
        drawn = layer.weight.detach().double().std(correction=0).item()
        table.add_row(name, f"{num_inputs:,}", f"{num_outputs:,}", f"{count:,}", promise, f"{drawn:.4g}")
    table.add_section()
    table.add_row("all", "", "", f"{sum(p.numel() for p in model.parameters()):,}")
    CONSOLE.print(table)


def show_interruption(trainer: L.Trainer, run_dir: Path) -> None:
    """Where it stopped and what is left."""
    kept = "its checkpoints and figures" if (run_dir / "checkpoints").is_dir() else "its figures"
    where = f"stopped in epoch {trainer.current_epoch + 1}, after {trainer.global_step} steps"
    CONSOLE.print(f"{where}: {kept} up to then are in {run_dir}", highlight=False, soft_wrap=True)


def show_result(result: Result, seconds: float) -> None:
    """The metrics, the folder, and what to type next."""
    splits = [s for s in ("train", "val", "test") if any(name.startswith(f"{s}/") for name in result.metrics)]
    names = dict.fromkeys(name.split("/", 1)[1] for name in result.metrics if name.split("/")[0] in splits)
    table = Table(box=ROUNDED)
    table.add_column("")
    for split in splits:
        table.add_column("test, best epoch" if split == "test" and result.tested_best else split, justify="right")
    for name in names:
        values = [result.metrics.get(f"{split}/{name}") for split in splits]
        table.add_row(name, *("" if v is None else f"{v:.4f}" for v in values))
    CONSOLE.print(table)
    here = result.run_dir.absolute().is_relative_to(Path.cwd())
    where = result.run_dir.absolute().relative_to(Path.cwd()) if here else result.run_dir
    CONSOLE.print(f"done in {seconds:.1f} s", highlight=False)
    CONSOLE.print(f"run folder    {where}", highlight=False, soft_wrap=True)
    if not any(name.startswith("val/") for name in result.metrics):
        CONSOLE.print("no validation took place, so no epoch counts as best", highlight=False)
    if any(math.isnan(value) for value in result.metrics.values()):
        CONSOLE.print("the loss is not a number: try a smaller lr, or another init", highlight=False)
    logdir = "outputs" if here and where.parts[0] == "outputs" else where
    CONSOLE.print(f"look at it    [bold]tensorboard --logdir {logdir}[/]", highlight=False, soft_wrap=True)
    compare = "python scripts/train.py -m init=kaiming,xavier,normal seed=range(3)"
    CONSOLE.print(f"compare       [bold]{compare}[/]", highlight=False, soft_wrap=True)
