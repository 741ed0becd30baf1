"""One fit as a monitor sees it: which steps are looked at, the probes, the sample of the step that runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from initlab.errors import UserError
from initlab.monitor.budget import Cadence, Stopwatch
from initlab.monitor.choice import choose_layers, compiled_layers
from initlab.monitor.compiled_probe import CompiledProbe
from initlab.monitor.guard import Guard
from initlab.monitor.layer_probe import LayerProbe
from initlab.monitor.moment import in_training_step
from initlab.monitor.observer import Observer
from initlab.monitor.parameter_probe import ParameterProbe, held_by
from initlab.monitor.recorder import Recorder
from initlab.monitor.sample import LOSS, Sample
from initlab.numbers import plain_name

OF_PARAMETERS = frozenset(("grad_norm", "weight_norm", "update_ratio"))


class WatchedFit:
    """From the start of a fit to its end; it alone refers to the model.

    Step s is `trainer.global_step`, or, where an optimiser is stepped around Lightning's wrapper so that this stands
    still, the number of batches so far.

    A step's sample begins with its first batch and ends with the batch in which the step is made. Hooks on layers are
    there during the first batch, with automatic optimisation until its gradients are there; those on optimisers during
    each batch; between batches there are none.
    """

    def __init__(
        self,
        trainer: L.Trainer,
        model: L.LightningModule,
        recorder: Recorder,
        guard: Guard,
        *,
        cadence: Cadence,
        layers: str | Sequence[str] | None,
        quantities: frozenset[str],
        observers: Sequence[Observer],
        wants: Callable[[int], bool],
        stop_on_nonfinite: bool,
    ) -> None:
        self.guard, self.recorder, self.cadence = guard, recorder, cadence
        self.watch = Stopwatch()
        self.observers, self._wants = list(observers), wants
        self.offset = 0  # steps that trainer.global_step did not count
        self._trainer, self._model = trainer, model
        self._patterns, self._stop_on_nonfinite = layers, stop_on_nonfinite
        self.wants_parameters = bool(quantities & OF_PARAMETERS)
        inside = compiled_layers(model)
        chosen = choose_layers(model, layers)
        compiled = {name: module for name, module in chosen.items() if id(module) in inside}
        self._inside = inside
        hooks = getattr(model, "hooks_of_backward_by_hand", None)
        hooks = hooks if isinstance(hooks, list) else None
        ended = lambda: trainer.interrupted  # noqa: E731  before another callback's error, which Lightning lets pass
        self._layers = LayerProbe(
            quantities,
            self.watch,
            guard,
            hooks,
            compiled=bool(inside),
            in_step=lambda: in_training_step(model),
            ended=ended,
        )
        self._compiled = CompiledProbe(compiled, model.device) if compiled else None
        self._weights = ParameterProbe(quantities, self.watch, guard, ended)
        self._parameters: Mapping[str, nn.Parameter] = {}
        self._choose(chosen)
        self._by_batches = False  # where global_step stands still
        self._told = False  # which layers are not watched
        self._sample: Sample | None = None
        self._look: str | None = None  # how closely the step that runs is looked at
        self._step = -1  # the latest seen
        self._before: dict[str, Any] = {}  # the cadence's state before that
        self._skipped = False  # the model left the latest batch out
        self.stepped = False  # whether an optimiser's step was seen
        self.wanted = False  # an observer asked for the rows of the step just made

    def _choose(self, layers: Mapping[str, nn.Module]) -> None:
        self._layers.choose({name: module for name, module in layers.items() if id(module) not in self._inside})
        self._parameters = {}
        if self.wants_parameters:
            owners = () if self._patterns is None else tuple(f"{name}." for name in layers)
            for path, parameter in self._model.named_parameters():
                name = plain_name(path)
                if self._patterns is None or name.startswith(owners):
                    self._parameters[name] = parameter

    def state_dict(self) -> dict[str, Any]:
        """Of a step that is not finished, as before it."""
        cadence = self.cadence.state_dict() if self._sample is None else self._before
        return {"cadence": cadence, "recorder": self.recorder.state_dict(), "offset": self.offset}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As if there had been no break: the same steps, history and findings."""
        self.cadence.load_state_dict(state["cadence"])
        self.offset = state.get("offset", 0)
        self._by_batches = self.offset > 0
        self.recorder.load_state_dict(state["recorder"])

    # a batch

    def looks_at(self, step: int) -> bool:
        return self._stop_on_nonfinite or self._sample is not None or self.cadence.looks_at(step + self.offset)

    def begin_batch(self) -> None:
        self._batch_started, self._seconds_before = time.perf_counter(), self.watch.seconds
        if self._compiled:
            self._compiled.attach()
        if self._step < 0 and not self._model.automatic_optimization:
            self._by_batches = self._by_batches or not self._has_optimizer()
        step = self._trainer.global_step + self.offset
        if step != self._step:
            self._step, self._before = step, self.cadence.state_dict()
            self._look = self.cadence.look(step)
            self._begin_step(step)
        elif self._skipped:
            self._begin_step(step)
        self._skipped = False
        if self._sample and self._full:
            automatic = self._model.automatic_optimization and not self._by_batches
            self._weights.attach(self._sample, self._parameters, automatic)

    def _has_optimizer(self) -> bool:
        """Or the model makes its steps itself; Lightning has a stand-in for an optimiser then."""
        return not held_by(*self._trainer.optimizers).isdisjoint(map(id, self._model.parameters()))

    @property
    def _full(self) -> bool:
        return self._look == "full"

    def _begin_step(self, step: int) -> None:
        self._sample = None
        if self._look is None and not self._stop_on_nonfinite:
            return
        self._sample_started = self.watch.seconds
        with self.watch:
            if self._full and step > 0:  # layers may have been added, parameters too
                with contextlib.suppress(UserError):  # or taken away, so that nothing fits a pattern any more
                    self._choose(choose_layers(self._model, self._patterns))
            self._sample = Sample(step, keep=self._look is not None)
            self._gradient_scale(self._sample)
        self._layers.attach(self._sample, self._full)

    def before_backward(self, loss: Tensor) -> None:
        self._layers.begin_backward()
        self._take_loss(loss)

    def after_backward(self) -> None:
        self._layers.in_backward = False

    def before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self._model.automatic_optimization:
            self._forward_done()  # what an optimiser calls further (LBFGS) is the same batch at other weights
        if self._sample and self._full and self._trainer.is_global_zero:
            self._weights.before_step(optimizer)

    def end_batch(self, outputs: Any) -> None:
        self._forward_done()
        moved = self._trainer.global_step + self.offset != self._step
        if not moved and self._weights.stepped and not self._by_batches:
            self._by_batches = True
            self.guard.note(
                "trainer.global_step stands still, as an optimiser is stepped without Lightning's wrapper; "
                "a step is a batch here"
            )
        if self._by_batches and not moved:
            self.offset += 1
            moved = True
        self.stepped = self.stepped or self._weights.stepped
        self._weights.detach()
        if self._compiled:
            self._compiled.detach()
        if self._sample and LOSS not in self._sample.added:
            loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
            if isinstance(loss, Tensor):  # of a backward pass that Lightning did not make
                self._take_loss(loss.detach())
        sample = self._sample
        self._skipped = not moved and not outputs and sample is not None and LOSS not in sample.added
        steps = max(1, self._trainer.global_step + self.offset - self._step)  # also those that it was not called for
        if moved:
            self.finish_step()
        own = self.watch.seconds - self._seconds_before
        self.cadence.trained((time.perf_counter() - self._batch_started - own) / steps)

    def _forward_done(self) -> None:
        """The first batch of a step has been through the network and back."""
        sample = self._sample
        if sample is None or sample.forward_done:
            return
        sample.forward_done = True
        with self.watch:
            self._layers.detach()
            if self._compiled:
                self._compiled.read(sample)

    def _tell(self, missing: Mapping[str, str]) -> None:
        by_reason: dict[str, list[str]] = {}
        for name, why in missing.items():
            by_reason.setdefault(why, []).append(name)
        parts = [f"{', '.join(names)} ({why})" for why, names in by_reason.items()]
        if parts:
            self.guard.note(f"not watched: {'; '.join(parts)}")

    def _take_loss(self, loss: Tensor) -> None:
        sample = self._sample
        if sample is None or LOSS in sample.added or loss.numel() != 1 or not loss.is_floating_point():
            return
        scale = sample.own.get(("", "grad scale"), 1.0)  # the sum over processes is the global batch's mean
        value = loss.item() if loss.is_cpu else loss.detach().float().reshape(())
        sample.added[LOSS] = value * (scale * self._trainer.accumulate_grad_batches)

    def _gradient_scale(self, sample: Sample) -> None:
        """Gradients are of the loss of the global batch: without a scaler's factor, and as DDP averages them."""
        scaler = getattr(self._trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            one = torch.ones((), device=self._model.device)
            sample.own["", "grad scale"] = scaler.scale(one).reciprocal() / self._trainer.world_size
        elif self._trainer.world_size > 1:
            sample.own["", "grad scale"] = 1 / self._trainer.world_size

    # a step

    def finish_step(self) -> None:
        """The step is made: pack its numbers, on their device."""
        if self._sample is None:
            return
        sample, self._sample, trainer = self._sample, None, self._trainer
        with self.watch:
            if trainer.world_size > 1:
                sample.reduce(self._model.device)
            with self.guard("collecting the numbers of a step"):
                if not self._told:
                    self._told = True
                    self._tell(self._layers.not_watched(sample))
                if trainer.is_global_zero or self._stop_on_nonfinite:
                    self.recorder.take(sample)
                self.wanted = sample.keep and self._wants(sample.step)
        if self._stop_on_nonfinite:
            with self.watch:
                self.collect()
        if self._full:
            self.cadence.sampled(self.watch.seconds - self._sample_started)
            self.cadence.review(sample.step, trainer.accumulate_grad_batches)
            if trainer.world_size > 1 and self.cadence.adapts:
                self.cadence.stride = trainer.strategy.broadcast(self.cadence.stride)

    def collect(self) -> None:
        self.recorder.collect()
        if self.recorder.first_nonfinite and self._stop_on_nonfinite:
            raise UserError(self.recorder.first_nonfinite)

    def empty_sample(self) -> None:
        """After a failure: nothing of this step, of which the other processes of a run still expect to hear."""
        self.detach()
        if self._sample is not None:
            empty = Sample(self._sample.step, self._sample.keep)
            empty.forward_done = True
            self._sample = empty

    def detach(self) -> None:
        self._layers.detach()
        self._weights.detach()
        if self._compiled:
            self._compiled.detach()


def folder_of(trainer: L.Trainer, folder: str | Path | None, guard: Guard) -> Path | None:
    """Where files go: `folder`, else the first logger's, else the trainer's root; None where none are to be kept."""
    logged = trainer.log_dir  # every process must ask
    if trainer.fast_dev_run:
        return None
    place = str(folder or logged or trainer.default_root_dir).removeprefix("file://")
    if "://" in place:
        guard.note(f"{place} is no folder on this machine, so no files are kept; SignalMonitor(folder=...) names one")
        return None
    return Path(place).expanduser().absolute()
