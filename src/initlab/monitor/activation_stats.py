"""Mean and std of what every layer puts out, while it trains."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from initlab.rules import check
from initlab.runs.rows import RowWriter

FLUSH_AFTER = 1.0  # seconds; what a killed run may lose of its rows


class ActivationStats(L.Callback):
    """Log mean and std of every layer's output, at step 0, before any update, and then every n steps.

    A layer is a module without children; in the models here `layers.0` puts out a pre-activation and `phi.0` the
    activation behind it. Rows (step, layer, quantity, value) go to `activations.csv` in the trainer's root folder and,
    as `activations/<layer>/<quantity>`, to TensorBoard. The figures are of the batch that the step trains on, over
    all its entries, before the update: step s is the network after s updates.

    Watching changes nothing: hooks exist only during the sampled steps and only read, no random number is drawn,
    nothing waits for the device within a step, and the hooks come off again after an exception too.

    The sums of x and x^2 are taken in double precision, so the std is right wherever float32 has numbers, 1e-38 to
    1e38; float32 sums of squares read 0 below 1e-23 and inf above 1e19, where N(0, 0.01) with ReLU is at layer 25.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        check("callbacks.activation_stats.every_n_steps", every_n_steps)
        self.every_n_steps = every_n_steps
        self._handles: list[RemovableHandle] = []
        self._sampled: list[tuple[str, int, Tensor, Tensor]] = []  # layer, entries, sum, sum of squares: of this step
        self._waiting: list[tuple[int, list[str], list[int], Tensor]] = []  # steps not yet written
        self._flushed = time.monotonic()

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self._csv = RowWriter(f"{trainer.default_root_dir}/activations.csv", ("step", "layer", "quantity", "value"))

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        first_of_step = batch_idx % trainer.accumulate_grad_batches == 0
        if first_of_step and trainer.global_step % self.every_n_steps == 0 and trainer.is_global_zero:
            for name, module in pl_module.named_modules():
                if name and next(module.children(), None) is None:
                    self._handles.append(module.register_forward_hook(self._hook(name)))
            self._step = trainer.global_step

    def _hook(self, name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.is_floating_point() and output.numel() > 1:
                x = output.detach().flatten()
                x = x.float() if x.device.type == "mps" else x.double()
                self._sampled.append((name, x.numel(), x.sum(), x.dot(x)))

        return hook

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not self._handles:
            return
        self._unhook()
        if self._sampled:
            names, counts, sums, squares = zip(*self._sampled, strict=True)
            self._sampled.clear()
            self._waiting.append((self._step, list(names), list(counts), torch.stack([*sums, *squares]).view(2, -1)))
        if time.monotonic() - self._flushed > FLUSH_AFTER:
            self._flush(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._flush(trainer)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._unhook()
        self._sampled.clear()
        self._flush(trainer)

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _flush(self, trainer: L.Trainer) -> None:
        """Write what waits, each step as one event."""
        writers = [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        rows = []
        for step, names, counts, sums in self._waiting:
            values = []
            for name, n, total, square in zip(names, counts, *sums.tolist(), strict=True):
                for quantity, value in (("mean", total / n), ("std", _std(n, total, square))):
                    rows.append({"step": step, "layer": name, "quantity": quantity, "value": value})
                    values.append(Summary.Value(tag=f"activations/{name}/{quantity}", simple_value=value))
            for writer in writers:
                writer.file_writer.add_summary(Summary(value=values), step)
        self._waiting.clear()
        self._flushed = time.monotonic()
        if rows:
            self._csv.write(rows)


def _std(n: int, total: float, square: float) -> float:
    """sqrt((sum x^2 - (sum x)^2 / n) / (n - 1)), as `Tensor.std`; nan where an entry is nan or inf."""
    variance = (square - total * total / n) / (n - 1)
    return math.sqrt(variance) if variance > 0 else (0.0 if variance <= 0 else math.nan)
