"""What a run prints, before and after it trains."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig
from rich.box import ROUNDED
from rich.table import Table

from initlab.console import CONSOLE, HEAD, TAIL, from_here
from initlab.init import gain_of
from initlab.run.network import Network
from initlab.run.result import Result
from initlab.runs import RunDir
from initlab.runs.ending import Ending
from initlab.runs.resume import how_to_resume, nothing_left
from initlab.sweeps.compare import seeds_to_decide


def show_model(network: Network, trainer: L.Trainer, seed: int) -> None:
    """A line a layer, in the order that the scheme counts them in: its shape, its parameters, and the std that its
    weights were promised and have."""
    model, scheme, layers = network.model, network.scheme, network.layers
    device = trainer.strategy.root_device
    where = f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else torch.cuda.get_device_name(device)
    CONSOLE.print(f"[bold]{type(model).__name__}[/], init {scheme}, seed {seed}, {where}", highlight=False)
    table = Table(box=ROUNDED)
    table.add_column("layer")
    for heading in ("inputs", "outputs", "parameters", "weight std promised", "drawn"):
        table.add_column(heading, justify="right")
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


def show_resumption(saved: dict[str, Any] | None) -> None:
    """Where the run resumes."""
    where = (
        f"epoch {saved['epoch'] + 1}, after {saved['global_step']} steps" if saved else "step 0: it had saved nothing"
    )
    CONSOLE.print(f"resumes from {where}", highlight=False)


def show_ending(ended: Ending, nothing: bool, cfg: DictConfig) -> None:
    """Why the run ended before its last epoch; of one that resumed and had nothing to train, what trains further."""
    sentence = nothing_left(ended.record(), cfg) if nothing else ended.says
    if sentence:
        CONSOLE.print(sentence, highlight=False, markup=False, soft_wrap=True)


def show_interruption(trainer: L.Trainer, run_dir: RunDir) -> None:
    """Where it stopped and how to resume."""
    where = f"stopped in epoch {trainer.current_epoch + 1}, after {trainer.global_step} steps"
    kept = "saved" if run_dir.last_checkpoint.exists() else "no checkpoint is kept, so it starts from step 0"
    CONSOLE.print(f"{where}; {kept}", highlight=False, soft_wrap=True)
    CONSOLE.print(f"resume        [bold]{how_to_resume(run_dir.path)}[/]", highlight=False, soft_wrap=True)


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
    where = from_here(result.run_dir)
    CONSOLE.print(f"done in {seconds:.1f} s", highlight=False)
    CONSOLE.print(f"run folder    {where}", highlight=False, soft_wrap=True)
    if not any(name.startswith("val/") for name in result.metrics):
        CONSOLE.print("no validation took place, so no epoch counts as best", highlight=False)
    if any(math.isnan(value) for value in result.metrics.values()):
        CONSOLE.print("the loss is not a number: try a smaller lr, or another init", highlight=False)
    if (result.run_dir.parent / "sweep.json").exists():  # the sweep says more at its end
        return
    logdir = "outputs" if where.parts[:1] == ("outputs",) else where
    CONSOLE.print(f"look at it    [bold]tensorboard --logdir {logdir}[/]", highlight=False, soft_wrap=True)
    CONSOLE.print(f"compare       [bold]{how_to_compare()}[/]", highlight=False, soft_wrap=True)


def how_to_compare() -> str:
    """The command of a sweep whose seeds can tell its two settings apart."""
    seeds = ",".join(map(str, range(seeds_to_decide(2))))
    return " ".join(["python scripts/train.py -m init=kaiming,xavier", f"seed={seeds}"])
