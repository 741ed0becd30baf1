"""What a training step depends on besides the weights, made a function of the step alone."""

from __future__ import annotations

from typing import Any

import lightning as L

from initlab.errors import UserError
from initlab.seeds import seed_batch
from initlab.training import Batches, Stretch, batches_of


class ExactSteps(L.Callback):
    """Random numbers and the place in the data, so that a run which resumes from a checkpoint is the same run.

    The random numbers of a batch (dropout, noise; torch's global generators) are a function of (seed, number of the
    batch in the run, process). A loader that has `done` and `state_dict`, as `initlab.data.Batches` does, is told
    how many batches of the epoch were trained on, and gets its state back in the middle of an epoch and at its end:
    Lightning itself does the first only, and counts batches handed out.

    A run with `max_steps` that resumes at the end of an epoch would get an empty epoch more from Lightning, which takes
    every checkpoint of such a run for one in the middle of an epoch: the limit is hidden from it while it looks. Where
    the limit ends the run, it is validated as by any other end, also in the middle of an epoch.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._state: dict[str, int] | None = None
        self._steps: int | None = None  # of the checkpoint
        self._hidden: int | None = None  # max_steps

    def looks_at(self, step: int) -> bool:
        return False  # the random numbers of a stretch's batches are set within it

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._hidden is not None:
            trainer.fit_loop.epoch_loop.max_steps = -1

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._hidden is not None:
            trainer.fit_loop.epoch_loop.max_steps, self._hidden = self._hidden, None
        if self._steps is not None and self._steps != trainer.global_step:
            raise UserError(
                f"the checkpoint was made after {self._steps} steps, which are counted as {trainer.global_step} here: "
                "this run began with a version, a model or data that make updates in another way; start it again"
            )
        self._steps = None
        self._loader: Any = batches_of(trainer)
        if self._state is not None:  # no batch has been asked for yet
            self._loader.load_state_dict(self._state)
            self._state = None
        self._knows_its_place = isinstance(self._loader, Batches)
        if self._knows_its_place:
            self._loader.done = self._loader.state_dict()["done"]  # from here on it is told; 0 with each epoch
        self._rank, self._device = trainer.global_rank, pl_module.device.type

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._knows_its_place:
            number = self._loader.epoch * self._loader.of_all + self._loader.done
        else:
            number = trainer.fit_loop.total_batch_idx
        seed_batch(self.seed, number, self._device, self._rank)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._knows_its_place:
            self._loader.done += len(batch) if isinstance(batch, Stretch) else 1
        if trainer.global_step == trainer.max_steps:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._knows_its_place:
            self._loader.done = len(self._loader)  # also where limit_train_batches left some out

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if self._knows_its_place:
            checkpoint["batches"] = self._loader.state_dict()

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == "fit":
            self._state, self._steps = checkpoint.get("batches"), checkpoint["global_step"]
            self._hidden = trainer.max_steps if checkpoint["global_step"] < trainer.max_steps else None
