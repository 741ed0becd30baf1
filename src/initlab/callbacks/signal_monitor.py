"""Every layer's signal while a network trains: one line in any Lightning project."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import lightning as L
import torch

from initlab.callbacks.default_observers import default_observers
from initlab.callbacks.rows_to_loggers import RowsToLoggers, loggers_for_rows
from initlab.checks.rules import QUANTITIES, check
from initlab.console import say
from initlab.errors import UserError
from initlab.monitor.budget import FIRST_STEPS, Cadence
from initlab.monitor.guard import Guard
from initlab.monitor.history import History
from initlab.monitor.observer import Observer
from initlab.monitor.recorder import Recorder
from initlab.monitor.rows_out import RowsOut
from initlab.monitor.watched_fit import WatchedFit, folder_of

WRITE_AFTER = 1.0  # seconds; what a killed run may lose of its rows
LENT = ("log", "log_dict")  # the model's methods, set on every callback at the start of a fit
Hook = TypeVar("Hook", bound=Callable[..., None])


def guarded(hook: Hook) -> Hook:
    """A hook of Lightning's that does nothing outside a fit, and in which an error costs the sample, not the fit."""

    @functools.wraps(hook)
    def call(self: SignalMonitor, *args: Any, **kwargs: Any) -> None:
        if self._fit is not None:
            with self._fit.guard(f"{hook.__name__} of {type(self).__name__}", self._fit.empty_sample):
                hook(self, *args, **kwargs)

    return call  # type: ignore[return-value]


class SignalMonitor(L.Callback):
    """Record every layer's output, the gradients that come back, and how far the weights move.

    `Trainer(callbacks=[SignalMonitor()])` on any LightningModule. Rows (step, layer, quantity, value) go to
    `signal.csv` and histograms to `histograms.csv`, rows to TensorBoard too, and to any other logger of the trainer
    (`activations/<layer>/std`) at a bounded rate, see `RowsToLoggers`; `history` has them in memory. The files are
    in the folder of the trainer's first logger (`trainer.log_dir`), without a logger in its root folder; none with
    `fast_dev_run`. A file that is there already is left as it is: the names get a number then, `signal-2.csv`. Only a
    fit that continues from a checkpoint continues its files, and what they hold of later steps is removed. Step s is
    the network after s updates; its figures are of the batch that it trains on next.

    Of each layer's output, over all entries (in TensorBoard `watched/activations/<layer>/<quantity>`, std, grad_std
    and update_ratio as log10): mean, std, min, max; active: share of entries above 0; dead: share of units that are 0
    for the whole batch; saturated, of elementwise activations: share of entries with |phi'(z)| under 5 % of its
    maximum (for ReLU the inactive ones); nonfinite: how many are nan or inf, a row only where there are.
    `watched/gradients/<layer>/grad_std`: std of d loss / d output over its entries. Of each parameter
    (`watched/parameters/<name>/<quantity>`): grad_norm, weight_norm (2-norms, before the step), update_ratio =
    |w_after - w_before| / |w_before|, measured; about 1e-3 is the usual advice (Karpathy, makemore part 3). And the
    loss of the batch (layer and quantity "loss"). Complex numbers count by their modulus.

    A module called twice in a step has a second row, `<layer>#2`. Under gradient accumulation the layers' figures are
    of the first micro-batch of a step and those of parameters of the accumulated gradient. Where a batch has several
    steps, as in a GAN, a parameter's are of the first step that it takes part in, with the gradient that this
    optimiser gets. Under DDP they are of the global batch (histograms: of the first process's part); sharded parameters
    (FSDP, DeepSpeed) are not put together. Within `torch.compile` there is mean and std, see `CompiledProbe`.

    Watching changes nothing: it only reads, draws no random number, hooks exist only within a batch of a sampled step,
    and none on a module (compiled layers aside), so that models can be copied and pickled at any time. No hook waits
    for the device; one transfer a second does. An error in the monitor never ends the training: it is printed once,
    and what it is about, such as a layer, is left out. Layers that cannot be watched are named once at the start.

    Args:
        every_n_steps: how often all of it is recorded.
        dense_steps: mean and std are recorded at every step before this one. Besides, all of it at steps 0, 10, 20,
            ..., 100, 200, ..., 1000, ..., until every_n_steps is reached; 0: at multiples of every_n_steps alone.
        layers: which: a name, type, glob or regular expression, or several; None: every layer. See `choose_layers`.
        quantities: which of the above, and "histogram"; None: all.
        max_overhead: the share of the training time that samples may take after the dense steps, such as 0.02; the
            monitor doubles its stride until they do, so which steps have rows depends on the machine. None: never.
        stop_on_nonfinite: end the run with a `UserError` that names the first layer with nan or inf and the step. Looks
            at mean and std of every step for that (about 3 % of a step) and waits for the device after each.
        pictures: draw them in TensorBoard, at the end above all: 0.3 s. A job of a sweep draws none; its page does.
        table: print the layers' figures in the terminal at the start and at the end.
        observers: who looks at the rows, see `Observer`; None: findings in words, pictures in TensorBoard, the table.
        folder: where the files go instead.
    """

    file = "signal.csv"
    key = "callbacks.monitor"

    def __init__(
        self,
        every_n_steps: int = 100,
        *,
        dense_steps: int = FIRST_STEPS,
        layers: str | Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
        max_overhead: float | None = None,
        stop_on_nonfinite: bool = False,
        pictures: bool = True,
        table: bool = False,
        observers: Sequence[Observer] | None = None,
        folder: str | Path | None = None,
    ) -> None:
        for name, value in list(locals().items()):
            check(f"{self.key}.{name}", str(value) if isinstance(value, Path) else value)  # those without a rule pass
        self.every_n_steps, self.dense_steps, self.max_overhead = every_n_steps, dense_steps, max_overhead
        self.layers, self.stop_on_nonfinite = layers, stop_on_nonfinite
        self.observers = list(default_observers(pictures=pictures, table=table) if observers is None else observers)
        for observer in self.observers:
            if not isinstance(observer, Observer):
                raise UserError(f"observers: {type(observer).__name__} must derive from initlab.monitor.Observer")
        self.quantities = frozenset(quantities or QUANTITIES) | {"nonfinite"}
        self._folder = folder
        self._fit: WatchedFit | None = None
        self._recorder = Recorder(self.quantities, RowsOut(None, self.file, Guard()))
        self._state: dict[str, Any] | None = None  # of the checkpoint that the fit continues from
        self._ended: dict[str, Any] | None = None  # the state of the fit that ran last, for a checkpoint made after it

    def __getstate__(self) -> dict[str, Any]:
        """Without what refers to the model: the fit that runs, and the methods that Lightning lends a callback."""
        return {name: value for name, value in vars(self).items() if name not in LENT} | {"_fit": None}

    @property
    def _watched(self) -> WatchedFit:
        """The fit that runs, for what is only called within one."""
        assert self._fit is not None
        return self._fit

    # start and end

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Before the first forward, which may compile."""
        guard = Guard(prints=trainer.is_global_zero)
        self._ended = None
        before = self._recorder if trainer.global_step > 0 else None  # of a fit that this trainer continues
        with guard("the monitor"):
            names = [observer.file for observer in self.observers if observer.file]
            folder = folder_of(trainer, self._folder, guard)
            out = RowsOut(
                folder if trainer.is_global_zero else None,
                self.file,
                guard,
                others=names,
                histograms="histogram" in self.quantities,
            )
            if before and before.out.files.folder == folder:
                out.resume(before.out.files.state_dict())
            self._recorder = Recorder(self.quantities, out)
            loggers = loggers_for_rows(trainer)
            observers = [*([RowsToLoggers(loggers)] if loggers else []), *self.observers]
            self._fit = WatchedFit(
                trainer,
                pl_module,
                self._recorder,
                guard,
                cadence=Cadence(self.every_n_steps, self.dense_steps, self.max_overhead),
                layers=self.layers,
                quantities=self.quantities,
                observers=observers,
                wants=lambda step: any(o.wants(self, step) for o in observers),
                stop_on_nonfinite=self.stop_on_nonfinite,
            )
            for observer in list(self._fit.observers):
                self._ask(observer, functools.partial(observer.on_start, self))
        self._wall = self._written = time.perf_counter()

    @guarded
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        state, self._state = self._state, None
        if state is not None:
            self._watched.load_state_dict(state)
            for observer in self._watched.observers:
                known = state["observers"].get(type(observer).__name__)
                if known is not None:
                    observer.load_state_dict(known, self)
        self._wall = self._written = time.perf_counter()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """The rows so far are written, so that none is missing when the run resumes from here."""
        if self._fit is not None and self._state is None:
            self._save_rows(trainer)
            with self._fit.guard("keeping its state in a checkpoint"):
                self._ended = self._state_now()
        state = self._state or self._ended  # before the first step, what the fit is to continue from
        if state is not None:
            checkpoint[self._key(trainer)] = state

    @guarded
    def _save_rows(self, trainer: L.Trainer) -> None:
        with self._watched.watch:
            self._watched.collect()
            self._write(trainer)

    def _state_now(self) -> dict[str, Any]:
        observers = {type(o).__name__: state for o in self._watched.observers if (state := o.state_dict())}
        return self._watched.state_dict() | {"observers": observers}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        self._state = checkpoint.get(self._key(trainer)) if trainer.state.fn == "fit" else None

    def _key(self, trainer: L.Trainer) -> str:
        """Of this monitor's part of a checkpoint: its class, and which of several it is."""
        name = type(self).__name__
        alike: list[Any] = [callback for callback in trainer.callbacks if type(callback) is type(self)]
        number = next((i for i, callback in enumerate(alike) if callback is self), 0)
        return f"{name}#{number + 1}" if number else name

    @guarded
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._watched.finish_step()
        self._save_rows(trainer)
        self._ended = self._state_now()
        self._close(trainer)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._release()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._end_early(trainer)
        self._release()

    @guarded
    def _end_early(self, trainer: L.Trainer) -> None:
        self._watched.detach()
        with self._watched.guard("collecting the last rows"):  # a device that failed gives no more figures
            self._recorder.collect()
        self._write(trainer)
        self._close(trainer)

    def _release(self) -> None:
        """Of the model."""
        if self._fit is not None:
            self._fit.detach()
            self._fit = None
        for name in LENT:
            self.__dict__.pop(name, None)

    def _close(self, trainer: L.Trainer) -> None:
        fit = self._watched
        if not trainer.is_global_zero:
            return
        with fit.watch:
            for observer in list(fit.observers):
                self._ask(observer, functools.partial(observer.on_end, self, trainer))
        if self._recorder.looked >= 0:
            if not self.history.layers("mean") and not self.history.layers("std"):
                fit.guard.note("no layer was seen in this run")
            elif fit.wants_parameters and not fit.stepped:
                fit.guard.note("no step of an optimiser of torch was seen, so no update of a parameter is known")
            with fit.guard("the line about its cost"):
                say(self.cost(), style="dim")

    def _ask(self, observer: Observer, call: Callable[[], None]) -> None:
        """An observer in which something fails is asked no more in this fit."""
        fit = self._watched
        with fit.guard(type(observer).__name__, lambda: fit.observers.remove(observer)):
            call()

    def cost(self) -> str:
        """ "watching took 0.5 s of 61 s", and the stride if the budget widened it; within a fit."""
        wall, stride = time.perf_counter() - self._wall, self._watched.cadence.stride
        words = f"watching took {self._watched.watch.seconds:.2g} s of {wall:.3g} s"
        if stride == self.every_n_steps:
            return words
        return f"{words} (every {stride} steps, to keep to {100 * (self.max_overhead or 0):g} %)"

    # a step

    def looks_at(self, step: int) -> bool:
        """Whether this step must be made with all hooks, and not as one of several in a call of training_step."""
        return self._fit is not None and self._fit.looks_at(step)

    @guarded
    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._watched.begin_batch()

    @guarded
    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._watched.detach()  # a user's hook may have skipped the end of a batch

    @guarded
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._watched.detach()  # likewise

    @guarded
    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: torch.Tensor) -> None:
        self._watched.before_backward(loss)

    @guarded
    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._watched.after_backward()

    @guarded
    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        self._watched.before_optimizer_step(optimizer)

    @guarded
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        fit = self._watched
        fit.end_batch(outputs)
        if fit.wanted or time.perf_counter() - self._written > WRITE_AFTER:
            fit.wanted = False
            self._save_rows(trainer)

    def _write(self, trainer: L.Trainer) -> None:
        fit = self._watched
        started = self._written = time.perf_counter()
        rows = self._recorder.write(trainer) if trainer.is_global_zero else []
        if rows:
            fit.cadence.wrote(time.perf_counter() - started, len({row["step"] for row in rows}))
            for observer in list(fit.observers):
                self._ask(observer, functools.partial(observer.on_rows, self, trainer, rows))

    # what there is to read

    @property
    def history(self) -> History:
        """The figures of the fit that runs or ran last."""
        return self._recorder.history

    @property
    def first_nonfinite(self) -> str | None:
        """ "layer layers.3 first non-finite at step 12", once there is one."""
        return self._recorder.first_nonfinite

    @property
    def folder(self) -> Path | None:
        """Where the files of the fit that runs or ran last are; None: no files are kept."""
        return self._recorder.out.files.folder

    def path(self, name: str) -> Path | None:
        """Of a file of this fit, with the number that its files share; None: no files are kept."""
        self._recorder.out.claim()
        return self._recorder.out.files.path(name)
