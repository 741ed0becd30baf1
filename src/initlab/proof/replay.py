"""The first steps of anybody's fit again: a copy of the module as it began, the same batches and random numbers."""

from __future__ import annotations

import copy
import logging
import random
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.loggers.logger import DummyLogger
from torch import Tensor
from torch.nn.parameter import is_lazy

from initlab.batch import TRANSFER, each_tensor, tensors_of
from initlab.error_sentence import sentence_for
from initlab.errors import reason
from initlab.proof.fork import Change, Fork
from initlab.proof.losses import Held, Losses, makes_update

MOST_BYTES = 2**30  # of batches that are kept
TRAINER_KEYS = ("max_epochs", "max_steps", "gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches")
Numbers = tuple[list[Tensor], Any, Any]
LOUD = ("lightning.pytorch", "lightning.fabric")


@dataclass
class Tape:
    """What a fit began with.

    module:  a copy, made as the fit starts.
    start:   its parameters and buffers by name as the first batch found them: hooks and callbacks may draw them late.
    trainer: arguments of a `Trainer`.
    batches: copies, in their order, as `training_step` got them.
    numbers: the states of torch's, NumPy's and Python's random numbers before each, so that dropout repeats.
    epoch:   how many batches an epoch has; a scheduler plans by it.
    steps:   updates that were made of these batches.
    trained: how many of the batches the module has trained on; it may leave the latest out.
    without: what the copy leaves out, in words.
    """

    module: L.LightningModule
    trainer: dict[str, Any]
    epoch: int
    start: dict[str, Tensor] = field(default_factory=dict)
    batches: list[Any] = field(default_factory=list)
    numbers: list[Numbers] = field(default_factory=list)
    steps: int = 0
    without: str = ""
    trained: int = 0
    bytes: int = 0
    full: bool = False

    def add(self, batch: Any) -> None:
        """Unless there is no room for it."""
        del self.batches[self.trained :], self.numbers[self.trained :]
        self.bytes += sum(t.numel() * t.element_size() for t in tensors_of(batch))
        self.full = self.bytes > MOST_BYTES
        if self.full:
            return
        self.batches.append(each_tensor(lambda t: t.detach().clone(), batch))
        self.numbers.append(_numbers())


def trainer_settings(trainer: L.Trainer) -> dict[str, Any]:
    """Of a trainer, what decides how it trains."""
    found = {key: getattr(trainer, key, None) for key in TRAINER_KEYS}
    device = trainer.strategy.root_device
    accelerator = "gpu" if device.type == "cuda" else device.type
    devices = [device.index or 0] if device.type == "cuda" else 1
    callbacks = [one for one in trainer.callbacks if isinstance(one, GradientAccumulationScheduler)]
    return found | {
        "precision": trainer.precision, "accelerator": accelerator, "devices": devices, "callbacks": callbacks,
        "logger": len(trainer.loggers),
    }  # fmt: skip


def replayed(tape: Tape, change: Change, guess: float, seed: int = 0, *, steps: int, held: Sequence[Any] = ()) -> Fork:
    """The first `steps` updates of the fit of the tape, with the change; one of fewer has an error. Another seed has
    the batches in another order and other random numbers.

    held: batches that it is judged by, where its own say nothing.
    """
    losses, judged = Losses(), Held(held)
    order = list(range(len(tape.batches)))
    if seed:
        order = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed)).tolist()
    again = _Again(tape, order, steps, seed)
    error = ""
    with tempfile.TemporaryDirectory(prefix="initlab-") as folder, _quiet():
        try:
            module = copy.deepcopy(tape.module)
            callbacks = [*tape.trainer["callbacks"], again, losses, judged, *change.callbacks()]
            trainer = L.Trainer(
                **tape.trainer | {"callbacks": callbacks, "logger": [_Silent(folder)] * tape.trainer["logger"]},
                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
                num_sanity_val_steps=0, default_root_dir=folder, use_distributed_sampler=False,
            )  # fmt: skip
            with torch.enable_grad():
                trainer.fit(module, train_dataloaders=again.loader())
        except Exception as failed:
            error = sentence_for(failed) or reason(failed, whole=True)
    if again.updates >= steps:
        error = ""
    elif again.updates or not error:
        error = f"it ended after {again.updates} of {steps} steps{f': {error}' if error else ''}"
    without = "; ".join(filter(None, (tape.without, again.without)))
    return Fork(change, losses.values, guess, error, held=judged.values, without=without)


class _Silent(DummyLogger):
    """Keeps nothing of what a module writes to its logger."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    @property
    def save_dir(self) -> str:
        return self.folder


class _Again(L.Callback):
    """Random numbers as they were before each batch, and the end after the last update.

    Nothing is validated, so a scheduler that waits for a metric of the validation takes no step.
    """

    def __init__(self, tape: Tape, order: Sequence[int], steps: int, seed: int) -> None:
        self.tape, self.order, self.steps, self.seed = tape, order, steps, seed
        self.done = self.updates = 0
        self.without = ""

    def loader(self) -> _Loader:
        return _Loader(self)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """The batches have been through these hooks."""
        for hook in TRANSFER:
            setattr(pl_module, hook, lambda batch, *more: batch)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for config in trainer.lr_scheduler_configs:
            config.strict = False  # else a metric that is missing ends the fit

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        if self.done == 0:
            _begin(pl_module, self.tape.start)
        if not self.seed or self.done == 0:
            _set_numbers(self.tape.numbers[self.done])
        if self.seed and self.done == 0:
            torch.manual_seed(self.seed)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.done += 1
        self.updates += makes_update(trainer, batch_idx)
        if self.updates >= self.steps:
            trainer.should_stop = True

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        waits = [c.monitor for c in trainer.lr_scheduler_configs if c.reduce_on_plateau]
        missing = [str(metric) for metric in waits if metric not in trainer.callback_metrics]
        if missing:
            self.without = f"a scheduler that waits for {missing[0]} takes no step, for nothing is validated"


class _Loader:
    """The batches, in epochs as long as they were."""

    def __init__(self, again: _Again) -> None:
        self.again = again

    def __len__(self) -> int:
        return self.again.tape.epoch

    def __iter__(self) -> Iterator[Any]:
        first = self.again.done
        if first >= len(self.again.order):  # else a fit without a last epoch would never end
            raise RuntimeError("there are no more batches")
        for i in self.again.order[first : first + len(self)]:
            yield each_tensor(Tensor.clone, self.again.tape.batches[i])


@torch.no_grad()
def _begin(module: L.LightningModule, start: Mapping[str, Tensor]) -> None:
    """With these parameters and buffers, as far as the module has them."""
    for name, value in start.items():
        own: Any = module
        for part in name.split("."):
            own = getattr(own, part, None)
        if is_lazy(own):
            own.materialize(value.shape)
        if isinstance(own, Tensor) and own.shape == value.shape:
            own.copy_(value)


def _numbers() -> Numbers:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else ()
    return [torch.get_rng_state(), *cuda], np.random.get_state(), random.getstate()


def _set_numbers(numbers: Numbers) -> None:
    states, of_numpy, of_python = numbers
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state_all(states[1:])
    np.random.set_state(of_numpy)
    random.setstate(of_python)


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in LOUD]
    for logger, _ in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)
