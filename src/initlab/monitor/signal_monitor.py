"""Every layer's signal while a network trains: one line in any Lightning project."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch

from initlab.console import CONSOLE
from initlab.errors import UserError
from initlab.monitor.budget import Cadence, Stopwatch
from initlab.monitor.choice import COMPILED, choose_layers, compiled_layers
from initlab.monitor.compiled_probe import CompiledProbe
from initlab.monitor.default_observers import default_observers
from initlab.monitor.history import DENSE_STEPS, History
from initlab.monitor.layer_probe import LayerProbe
from initlab.monitor.observer import Observer
from initlab.monitor.parameter_probe import ParameterProbe
from initlab.monitor.recorder import Recorder
from initlab.monitor.sample import LOSS, Sample
from initlab.rules import QUANTITIES, check

WRITE_AFTER = 1.0  # seconds; what a killed run may lose of its rows
CHEAP = frozenset(("mean", "std"))


class SignalMonitor(L.Callback):
    """Record what every layer puts out, the gradients that come back, and how far the weights move.

    `Trainer(callbacks=[SignalMonitor()])` on any LightningModule. Rows (step, layer, quantity, value) go to
    `signal.csv` and histograms to `histograms.csv` in the trainer's root folder, rows to TensorBoard too; `history`
    has them in memory. Where these files hold later steps than the fit begins with, of an earlier run in the same
    folder or of a part that was killed, those rows are removed. Step s is the network after s updates; its figures are
    of the batch that it trains on next.

    Of each layer's output, over all entries (`activations/<layer>/<quantity>`): mean, std, min, max; active: share of
    entries above 0; dead: share of units that are 0 for the whole batch; saturated, of elementwise activations: share
    of entries with |phi'(z)| under 5 % of its maximum (for ReLU the inactive ones); nonfinite: how many are nan or inf,
    a row only where there are. `gradients/<layer>/grad_std`: std of d loss / d output over its entries. Of each
    parameter (`parameters/<name>/<quantity>`): grad_norm, weight_norm (2-norms, before the step) and update_ratio =
    |w_after - w_before| / |w_before|, measured; about 1e-3 is the usual advice (Karpathy, makemore part 3). And the
    loss of the batch (layer and quantity "loss", `signal/loss`).

    A module called twice in a step has a second row, `<layer>#2`. Under gradient accumulation the layers' figures are
    of the first micro-batch of a step and those of parameters of the accumulated gradient. Under DDP they are of the
    global batch (histograms: of the first process's part); sharded parameters (FSDP, DeepSpeed) are not put
    together. Within `torch.compile` there is mean and std, see `CompiledProbe`.

    Watching changes nothing: it only reads, draws no random number, hooks exist only during sampled steps (compiled
    layers aside) and come off after an exception too. No hook waits for the device; one transfer a second does.

    Args:
        every_n_steps: how often all of it is recorded.
        dense_steps: before this step mean and std are recorded at every step and all of it at every 10th.
        layers: which: a name, type, glob or regular expression, or several; None: every layer. See `choose_layers`.
        quantities: which of the above, and "histogram"; None: all.
        max_overhead: the share of the training time that samples may take after the dense steps; the monitor doubles
            its stride until they do. None: never.
        stop_on_nonfinite: end the run with a `UserError` that names the first layer with nan or inf and the step. Looks
            at mean and std of every step for that (about 3 % of a step) and waits for the device after each.
        table: print the layers' figures in the terminal at the start and at the end.
        observers: who looks at the rows, see `Observer`; None: findings in words, pictures in TensorBoard, the table.
    """

    file = "signal.csv"
    key = "callbacks.monitor"

    def __init__(
        self,
        every_n_steps: int = 100,
        *,
        dense_steps: int = DENSE_STEPS,
        layers: str | Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
        max_overhead: float | None = 0.02,
        stop_on_nonfinite: bool = False,
        table: bool = False,
        observers: Sequence[Observer] | None = None,
    ) -> None:
        for name, value in list(locals().items()):
            check(f"{self.key}.{name}", value)  # those without a rule pass
        self.every_n_steps, self.dense_steps, self.max_overhead = every_n_steps, dense_steps, max_overhead
        self.layers, self.stop_on_nonfinite = layers, stop_on_nonfinite
        self.observers = list(default_observers(table=table) if observers is None else observers)
        self.quantities = frozenset(quantities or QUANTITIES) | {"nonfinite"}
        self._recorder = Recorder(self.quantities, Path(), self.file)
        self._state: dict[str, Any] | None = None  # of the checkpoint that the fit goes on from

    # start and end

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Before the first forward, which may compile."""
        self._recorder = Recorder(self.quantities, Path(trainer.default_root_dir), self.file)
        self._watch = Stopwatch()
        self._cadence = Cadence(self.every_n_steps, self.dense_steps, self.max_overhead)
        chosen = choose_layers(pl_module, self.layers)
        inside = compiled_layers(pl_module)
        compiled = {name: module for name, module in chosen.items() if module in inside}
        plain = {name: module for name, module in chosen.items() if module not in inside}
        self._layer_probe = LayerProbe(plain, self.quantities, self._watch, getattr(pl_module, "gradient_hooks", None))
        self._compiled_probe = CompiledProbe(compiled, pl_module.device) if compiled else None
        parameters = {name.replace(COMPILED, ""): p for name, p in pl_module.named_parameters()}
        if self.layers is not None:
            owners = tuple(f"{name}." for name in chosen)
            parameters = {name: p for name, p in parameters.items() if name.startswith(owners)}
        wanted = self.quantities & {"grad_norm", "weight_norm", "update_ratio"}
        self._parameter_probe = ParameterProbe(parameters if wanted else {}, self.quantities, self._watch)
        self._sample: Sample | None = None  # of the step that runs
        self._full = False
        self._wanted = False  # an observer asked for the rows of the step just made
        self._step = -1  # the latest seen
        self._wall = self._written = time.perf_counter()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            self._recorder.out.begin(trainer.global_step)
        if self._state is not None:
            self._go_on(self._state)
            self._state = None
        self._wall = self._written = time.perf_counter()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """The rows so far are written, so that none is missing when the run is taken up from here."""
        if trainer.state.fn != "fit":
            return
        with self._watch:
            self._collect()
            self._write(trainer)
        observers = {type(o).__name__: o.state_dict() for o in self.observers if hasattr(o, "state_dict")}
        checkpoint[type(self).__name__] = {
            "cadence": self._cadence.state_dict(),
            "recorder": self._recorder.state_dict(),
            "observers": observers,
        }

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        self._state = checkpoint.get(type(self).__name__) if trainer.state.fn == "fit" else None

    def _go_on(self, state: dict[str, Any]) -> None:
        """As if there had been no break: the same cadence, history and findings."""
        self._cadence.load_state_dict(state["cadence"])
        self._recorder.load_state_dict(state["recorder"])
        for observer in self.observers:
            known = state["observers"].get(type(observer).__name__)
            if known is not None and hasattr(observer, "load_state_dict"):
                observer.load_state_dict(known, self)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._detach()
        self._finish(trainer, pl_module)
        with self._watch:
            self._collect()
            self._write(trainer)
        self._close(trainer)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        if not hasattr(self, "_parameter_probe"):  # before the fit
            return
        self._detach()
        self._sample = None
        with contextlib.suppress(RuntimeError, UserError):  # a device that failed gives no more figures
            self._recorder.collect()
            self._write(trainer)
        self._close(trainer)

    def _close(self, trainer: L.Trainer) -> None:
        if self._compiled_probe:
            self._compiled_probe.detach()
        if not trainer.is_global_zero:
            return
        with self._watch:
            for observer in self.observers:
                observer.on_end(self, trainer)
        if self._recorder.looked >= 0:
            CONSOLE.print(self.cost(), highlight=False)

    def cost(self) -> str:
        """ "monitor: 0.9 % of 61 s", and the stride if the budget widened it."""
        wall = time.perf_counter() - self._wall
        words = f"monitor: {100 * self._watch.seconds / wall:.1f} % of {wall:.3g} s"
        if self._cadence.stride == self.every_n_steps:
            return words
        return f"{words} (every {self._cadence.stride} steps, to keep to {100 * (self.max_overhead or 0):g} %)"

    # a step

    def sees(self, step: int) -> bool:
        """Whether this step must not go by without a call; it may where several updates are made in one go."""
        return self.stop_on_nonfinite or self._sample is not None or self._cadence.looks_at(step)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._batch_started, self._seconds_before = time.perf_counter(), self._watch.seconds
        step = trainer.global_step
        if step == self._step:  # a later micro-batch
            return
        self._step = step
        look = self._cadence.look(step)
        if look is None and not self.stop_on_nonfinite:
            self._layer_probe.detach()
            return
        self._sample_started = self._watch.seconds
        with self._watch:
            self._sample = Sample(step, keep=look is not None)
            self._full = look == "full"
            self._gradient_scale(trainer, pl_module, self._sample)
            self._layer_probe.attach(self._sample, self._full)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn == "fit":
            self._layer_probe.detach()

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: torch.Tensor) -> None:
        self._layer_probe.paused = True  # activation checkpointing calls layers again within the backward
        if self._sample and LOSS not in self._sample.added and loss.numel() == 1:
            scale = self._sample.own.get(("", "grad scale"), 1.0)  # the sum over processes is the global batch's mean
            value = loss.item() if loss.is_cpu else loss.detach().float()
            self._sample.added[LOSS] = value * (scale * trainer.accumulate_grad_batches)

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._layer_probe.paused = False

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if self._sample and self._full and trainer.is_global_zero:
            with self._watch:
                self._parameter_probe.look(self._sample, optimizer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._sample:
            with self._watch:
                if not self._sample.forward_done:  # the first micro-batch ends
                    self._sample.forward_done = True
                    if trainer.accumulate_grad_batches == 1 and self._cadence.looks_at(self._step + 1):
                        self._layer_probe.rest()
                    else:
                        self._layer_probe.detach()
                    if self._compiled_probe:
                        self._compiled_probe.read(self._sample)
            if trainer.global_step != self._step:
                self._finish(trainer, pl_module)
        own = self._watch.seconds - self._seconds_before
        batches = max(1, trainer.global_step - self._step)  # also those that it was not called for
        self._cadence.trained((time.perf_counter() - self._batch_started - own) / batches)
        if self._wanted or time.perf_counter() - self._written > WRITE_AFTER:
            self._wanted = False
            with self._watch:
                self._collect()
                self._write(trainer)

    def _gradient_scale(self, trainer: L.Trainer, pl_module: L.LightningModule, sample: Sample) -> None:
        """Gradients are of the loss of the global batch: without a scaler's factor, and as DDP averages them."""
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            one = torch.ones((), device=pl_module.device)
            sample.own["", "grad scale"] = scaler.scale(one).reciprocal() / trainer.world_size
        elif trainer.world_size > 1:
            sample.own["", "grad scale"] = 1 / trainer.world_size

    def _finish(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The step is made: pack its numbers, on their device."""
        if self._sample is None:
            return
        with self._watch:
            sample, self._sample = self._sample, None
            if trainer.world_size > 1:
                sample.reduce(pl_module.device)
            if trainer.is_global_zero or self.stop_on_nonfinite:
                self._recorder.take(sample)
            self._wanted = sample.keep and any(
                o.wants(self, sample.step) for o in self.observers if hasattr(o, "wants")
            )
        if self.stop_on_nonfinite:
            with self._watch:
                self._collect()
        if self._full:
            self._cadence.sampled(self._watch.seconds - self._sample_started)
            self._cadence.review(sample.step, trainer.accumulate_grad_batches)
            if trainer.world_size > 1 and self.max_overhead is not None:
                self._cadence.stride = trainer.strategy.broadcast(self._cadence.stride)

    def _collect(self) -> None:
        self._recorder.collect()
        if self.first_nonfinite and self.stop_on_nonfinite:
            raise UserError(self.first_nonfinite)

    def _write(self, trainer: L.Trainer) -> None:
        started = self._written = time.perf_counter()
        rows = self._recorder.write(trainer) if trainer.is_global_zero else []
        if rows:
            self._cadence.wrote(time.perf_counter() - started, len({row["step"] for row in rows}))
            for observer in self.observers:
                observer.on_rows(self, trainer, rows)

    @property
    def history(self) -> History:
        """The figures of the fit that runs or ran last."""
        return self._recorder.history

    @property
    def first_nonfinite(self) -> str | None:
        """ "layer layers.3 first non-finite at step 12", once there is one."""
        return self._recorder.first_nonfinite

    def _detach(self) -> None:
        self._layer_probe.detach()
        self._parameter_probe.detach()
