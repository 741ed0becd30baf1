"""The first steps of a run again, with one thing changed, in a folder of their own that is not kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
from omegaconf import DictConfig, OmegaConf

from initlab.console import CONSOLE
from initlab.error_sentence import sentence_for
from initlab.errors import reason
from initlab.explaining.changed import changed
from initlab.proof.fork import Change, Fork
from initlab.proof.losses import Held
from initlab.run import train
from initlab.runs import Run
from initlab.sweeps import job_folder

WATCHED = ("mean", "std", "dead", "saturated", "grad_std", "loss")
WATCHERS = ("EarlyStopping", "Checkpoint", "Timer", "ProgressBar", "Summary", "LearningRateMonitor")  # change no weight


class StopAfter(L.Callback):
    """End the fit after so many updates; the plan of a scheduler, which is for the whole run, stays as it was."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def looks_at(self, step: int) -> bool:
        return step >= self.steps - 1

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step >= self.steps:
            trainer.should_stop = True


def fork(
    config: dict[str, Any], change: Change, steps: int, guess: float, seed_words: Sequence[str] = (),
    held: Sequence[Any] = (),
) -> Fork:  # fmt: skip
    """The run of this config with the change, and of another seed with the words for that. Every step is recorded.
    held: batches that it is judged by, where its own say nothing.

    An error of a change that cannot be made is the fork's, what fails after the last step is nobody's; Ctrl-C is not
    caught.
    """
    judged = Held(held)
    callbacks: list[L.Callback] = [StopAfter(steps), *([judged] if held else []), *change.callbacks()]
    with tempfile.TemporaryDirectory(prefix="initlab-") as place:
        folder, sentence = Path(place) / "fork", ""
        job_folder.make(folder, {"fork": change.name})  # so it is quiet, draws nothing and searches for no fix
        try:
            cfg = forked(changed(config, (*seed_words, *change.overrides)), folder, steps)
            train(cfg, callbacks)
        except Exception as error:
            sentence = sentence_for(error) or reason(error, whole=True)
        run = Run.lenient(folder)
        losses = _losses(run)
        return Fork(change, losses, guess, "" if len(losses) >= steps else sentence, [], _signal(run), judged.values)


def forked(config: dict[str, Any], folder: Path, steps: int) -> DictConfig:
    """What trains the same and leaves only rows: nothing that watches, validates, tests or saves, but our monitor."""
    plain = dict(config)
    kept = {
        name: node
        for name, node in (plain.get("callbacks") or {}).items()
        if isinstance(node, dict) and not _only_watches(str(node.get("_target_")))
    }
    monitor = {"_target_": "initlab.callbacks.SignalMonitor", "dense_steps": steps, "quantities": list(WATCHED)}
    limits = {"limit_val_batches": 0, "limit_test_batches": 0, "num_sanity_val_steps": 0, "profiler": None,
              "min_epochs": None, "min_steps": None, "max_time": None}  # fmt: skip
    plain |= {
        "run_dir": str(folder),
        "resume": None,
        "callbacks": kept | {"monitor": monitor | {"folder": str(folder)}},
        "logger": {},
        "trainer": {**plain["trainer"], **limits},
    }
    cfg = OmegaConf.create(plain)
    assert isinstance(cfg, DictConfig)
    return cfg


def _only_watches(target: str) -> bool:
    return target.startswith("initlab.callbacks.") or any(word in target.rsplit(".", 1)[-1] for word in WATCHERS)


def _losses(run: Run) -> list[float]:
    return [loss for _, loss in sorted(run.recorded.get("loss", {}).get("loss", {}).items())]


def _signal(run: Run) -> dict[str, dict[int, float]]:
    """Of the layers between the activation functions, as in the other pictures."""
    std, functions = run.recorded.get("std", {}), run.recorded.get("saturated", {})
    return {name: points for name, points in std.items() if name not in functions} or std


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed by the forks."""
    before, CONSOLE.quiet = CONSOLE.quiet, True
    try:
        yield
    finally:
        CONSOLE.quiet = before
