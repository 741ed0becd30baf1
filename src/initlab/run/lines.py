"""What a run prints, before and after it trains."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig

from initlab.checks.shipped_class import learning_rate
from initlab.console import CONSOLE, HEAD, LABEL, TAIL, Column, from_here, say, say_command, show_table
from initlab.forecasting.rates import STEPS
from initlab.forecasting.remedy import Remedy, no_fix
from initlab.forecasting.rule import SUITABLE, TRAINS
from initlab.invocation import command
from initlab.latest import latest_of
from initlab.numbers import shown
from initlab.run.network import Network
from initlab.run.result import Result
from initlab.runs import Run, RunDir
from initlab.runs.ending import Ending
from initlab.runs.outcome import classifies, of_epoch, outcome, updates
from initlab.runs.resume import how_to_resume, nothing_left
from initlab.sweeps.compare import seeds_to_decide


def show_model(network: Network, trainer: L.Trainer, seed: int) -> None:
    """A line a layer, in the order that the scheme counts them in: its shape, its parameters, and the std that its
    weights have by the scheme's formula and as they were drawn."""
    model, scheme = network.model, network.scheme
    device = trainer.strategy.root_device
    where = f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else torch.cuda.get_device_name(device)
    parameters = f"{sum(p.numel() for p in model.parameters()):,} parameters"
    say(f"{type(model).__name__}, {parameters}, init {scheme}, seed {seed}, {where}", style="bold")
    weights = network.report.weights
    dense = all(row.kind == "Linear" for row in weights)
    sizes = dict(model.named_parameters())
    rows = []
    left_out = range(HEAD, len(weights) - TAIL)
    for i, row in enumerate(weights):
        if i in left_out:
            if i == left_out[0]:
                rows.append(["..."] * 6)
            continue
        layer = row.name.removesuffix(".weight")
        own = {*row.parameters, f"{layer}.bias"} & sizes.keys()
        count = sum(sizes[name].numel() for name in own)
        said = "by the data" if math.isnan(row.promised_std) else f"{row.promised_std:.4g}"
        rows.append([layer, f"{row.fan_in:,}", f"{row.fan_out:,}", f"{count:,}", said, f"{row.drawn_std:.4g}"])
    headings = (
        ("layer", 0),
        *((name, 2) for name in (("inputs", "outputs") if dense else ("fan in", "fan out"))),
        ("parameters", 3),
        ("weight std: formula", 1),
        ("drawn", 0),
    )
    cells = zip(*rows, strict=True)
    show_table([
        Column(heading, column, right=heading != "layer", rank=rank)
        for (heading, rank), column in zip(headings, cells, strict=True)
    ])  # fmt: skip


def show_resumption(saved: dict[str, Any] | None) -> None:
    """Where the run resumes."""
    where = (
        f"epoch {saved['epoch'] + 1}, after {saved['global_step']} steps" if saved else "step 0: it had saved nothing"
    )
    say(f"resumes from {where}")


def show_ending(ended: Ending, nothing: bool, cfg: DictConfig) -> None:
    """Why the run ended before its last epoch; of one that resumed and had nothing to train, what trains further."""
    sentence = nothing_left(ended.record(), cfg) if nothing else ended.says
    if sentence:
        say(sentence)


def show_interruption(trainer: L.Trainer, run_dir: RunDir) -> None:
    """Where it stopped."""
    where = f"stopped in epoch {trainer.current_epoch + 1}, after {trainer.global_step} steps"
    kept = "saved" if run_dir.last_checkpoint.exists() else "no checkpoint is kept, so it starts from step 0"
    say(f"{where}; {kept}")


def show_how_to_resume(run_dir: RunDir) -> None:
    """The command."""
    say_command(shlex.split(how_to_resume(run_dir.path)), "resume")


def show_result(result: Result, seconds: float) -> None:
    """The metrics."""
    splits = [s for s in ("train", "val", "test") if any(name.startswith(f"{s}/") for name in result.metrics)]
    names = dict.fromkeys(name.split("/", 1)[1] for name in result.metrics if name.split("/")[0] in splits)
    columns = [Column("", list(names), right=False)]
    run = Run.lenient(result.run_dir)
    for split in splits:
        first = next(name for name in result.metrics if name.startswith(f"{split}/"))
        best = split == "test" and result.tested_best
        heading = "test, best epoch" if best else f"{split}{of_epoch(run, first)}"
        columns.append(Column(heading, [shown(result.metrics.get(f"{split}/{name}")) for name in names]))
    if names:
        show_table(columns)
    if not result.tested_best and not any(name.startswith("val/") for name in result.metrics):
        say("no validation took place, so no epoch counts as best")
    here = from_here(result.run_dir)
    logdir = Path(*here.parts[:2]) if here.parts[:1] == ("outputs",) else here  # all of outputs/runs
    look = f"; the layers as they trained: tensorboard --logdir {shlex.quote(str(logdir))}"
    say(f"done in {seconds:.1f} s{look if (result.run_dir / 'tensorboard').is_dir() else ''}")


def show_verdict(run_dir: Path, compare: Sequence[str] | None = None) -> None:
    """Did it train, as the page says it; if not the one command that is predicted to, else one to `compare` with; and
    where there is more to see."""
    run = Run.lenient(run_dir)
    how = outcome(run)
    headline = how.says.rstrip(".").upper() if how.bad else how.says.rstrip(".")
    text = " ".join(part for part in (f"{headline}.", how.because, how.cause) if part)
    say(text, style="bold red" if how.bad else "bold green" if how.word == "trained" else "bold")
    if how.bad and how.word != "failed":
        _show_fix(run, ended=how.word != "unfinished")
    elif compare and not how.bad:
        say_command(compare, "compare")
    say(str(_page(run_dir)), "look", "bold")


def _show_fix(run: Run, ended: bool) -> None:
    fix = run.forecast.get("fix")
    if isinstance(fix, dict):
        Remedy(fix["command"], fix["forecast"]).show()
    elif not ended:  # it may yet train
        return
    elif not run.forecast:
        say("none known: there is no forecast for this model, data or initialisation", "fix")
    elif str(run.forecast.get("verdict")) == TRAINS and SUITABLE in str(run.forecast.get("says")):
        say("none computed: here the forecast judges no learning rate; try a tenth of this one, or ten times", "fix")
    elif str(run.forecast.get("verdict")) == TRAINS:
        made = updates(run)
        early = (
            classifies(run) and made < STEPS
        )  # of regressions without a hidden layer the updates that a run makes count
        wrong = f"that is in {STEPS} updates, and this run made {made}" if early else "here that is wrong"
        say(f"none known: the forecast was that it {run.forecast['says']}; {wrong}", "fix")
    elif isinstance(widths := run.forecast.get("widths"), list):
        say(no_fix(len(widths) - 2), "fix")
    else:
        looks = f"{' '.join(command('forecast'))} with the same words looks for one"
        say(f"none computed: of this network only the first step was looked at; {looks}", "fix")


def _page(run_dir: Path) -> Path:
    """The page of the run, else its folder; by the link to the newest where the terminal is too narrow for its name."""
    page = "report.html" if (run_dir / "report.html").exists() else ""
    where, latest = from_here(run_dir), latest_of(run_dir)
    if len(str(where / page)) + LABEL > CONSOLE.width and latest and latest.exists() and latest.samefile(run_dir):
        where = from_here(latest)
    return where / page


def how_to_compare(words: Sequence[str], init: str, optimizer: Mapping[str, Any]) -> list[str]:
    """The command of a sweep around the run that `words` made from the option `init`, with as many seeds as can tell
    two settings apart: a second scheme, or, where keys of the first were changed too, a second learning rate than that
    of `optimizer`, a group of its config; empty where that has none."""
    seeds = ",".join(map(str, range(seeds_to_decide(2))))
    own = [word for word in words if not re.match(r"[+~]*(init_)?seed(=|$)", word)]
    if any(re.match(r"[+~]*(init\.|experiment=)", word) for word in own) or init == "given":
        kept = [word for word in own if not re.match(r"[+~]*(lr|optimizer\.lr)(=|$)", word)]
        lr = learning_rate(optimizer)
        if lr is None:
            return []
        axis = f"lr={lr:g},{lr / 3:.1g}"
    else:
        kept = [word for word in own if not re.match(r"[+~]*init(=|$)", word)]
        axis = f"init={init},{'xavier' if init.startswith('kaiming') else 'kaiming'}"
    return [*command("train"), "-m", *kept, axis, f"seed={seeds}"]
