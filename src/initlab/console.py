"""What a run says in the terminal, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import ROUNDED
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import lightning as L
    from omegaconf import DictConfig

    from initlab.init import Scheme
    from initlab.init.scheme import Dense
    from initlab.runs import Run, RunDir
    from initlab.runs.ending import Ending
    from initlab.train import Result

HEAD, TAIL = 6, 3  # layers shown of a deep network
CONSOLE = Console()  # one for all, so that lines and a live bar do not write over each other


def show_model(
    model: L.LightningModule, layers: Sequence[tuple[str, Dense]], scheme: Scheme, trainer: L.Trainer, seed: int
) -> None:
    """A line a layer, in the order that `scheme` counts them in: its shape, its parameters, and the std that its
    weights were promised and have."""
    import torch

    from initlab.init import gain_of

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
    """Where the run goes on."""
    where = (
        f"epoch {saved['epoch'] + 1}, after {saved['global_step']} steps" if saved else "step 0: it had saved nothing"
    )
    CONSOLE.print(f"goes on from {where}", highlight=False)


def show_ending(ended: Ending, nothing: bool, cfg: DictConfig) -> None:
    """Why the run ended before its last epoch; of one that resumed and had nothing to train, what trains further."""
    from initlab.runs.resume import nothing_left

    sentence = nothing_left(ended.record(), cfg) if nothing else ended.says
    if sentence:
        CONSOLE.print(sentence, highlight=False, markup=False, soft_wrap=True)


def show_interruption(trainer: L.Trainer, run_dir: RunDir) -> None:
    """Where it stopped and how to go on."""
    from initlab.runs.resume import how_to_resume

    where = f"stopped in epoch {trainer.current_epoch + 1}, after {trainer.global_step} steps"
    kept = "saved" if run_dir.last_checkpoint.exists() else "no checkpoint is kept, so it begins anew"
    CONSOLE.print(f"{where}; {kept}", highlight=False, soft_wrap=True)
    CONSOLE.print(f"go on         [bold]{how_to_resume(run_dir.path)}[/]", highlight=False, soft_wrap=True)


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
    if (result.run_dir.parent / "sweep.json").exists():  # the sweep says more at its end
        return
    logdir = "outputs" if here and where.parts[:1] == ("outputs",) else where
    CONSOLE.print(f"look at it    [bold]tensorboard --logdir {logdir}[/]", highlight=False, soft_wrap=True)
    CONSOLE.print(f"compare       [bold]{how_to_compare()}[/]", highlight=False, soft_wrap=True)


def how_to_compare() -> str:
    """The command of a sweep whose seeds can tell its two settings apart."""
    from initlab.sweeps.compare import seeds_to_decide

    seeds = ",".join(map(str, range(seeds_to_decide(2))))
    return f"python scripts/train.py -m init=kaiming,xavier seed={seeds}"


def show_evaluation(run: Run, found: dict[str, Any]) -> None:
    """The test metrics, then a line a class or a parameter, and where the pictures are."""
    metrics = "   ".join(
        f"{name.removeprefix('test/')} [bold]{value:.4f}[/]" for name, value in found["metrics"].items()
    )
    CONSOLE.print(f"{run.path.name}, {run.weights} weights, {found['examples']:,} test examples", highlight=False)
    CONSOLE.print(metrics, highlight=False)
    table = Table(box=ROUNDED)
    if "classes" in found:
        for heading, justify in (
            ("class", "left"),
            ("examples", "right"),
            ("accuracy", "right"),
            ("taken for", "left"),
        ):
            table.add_column(heading, justify="right" if justify == "right" else "left")
        for row in found["classes"]:
            share = "" if row["accuracy"] is None else f"{row['accuracy']:.1%}"
            mostly = f"{row['taken_for']} ({row['times'] / row['examples']:.1%})" if row["taken_for"] else ""
            table.add_row(row["class"], f"{row['examples']:,}", share, mostly)
    else:
        table.add_column("parameter")
        for heading in ("true", "learned", "true - learned"):
            table.add_column(heading, justify="right")
        for row in found["parameters"]:
            table.add_row(row["name"], f"{row['true']:.6g}", f"{row['learned']:.6g}", f"{row['error']:+.2e}")
    if table.row_count:
        CONSOLE.print(table)
    CONSOLE.print(f"pictures and figures    {_short(run.path / 'evaluation')}", highlight=False, soft_wrap=True)


def _short(path: Path) -> Path:
    """From here, where that is shorter."""
    here = path.absolute().is_relative_to(Path.cwd())
    return path.absolute().relative_to(Path.cwd()) if here else path
