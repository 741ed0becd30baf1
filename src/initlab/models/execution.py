"""Several updates in one call of Lightning's training_step.

Lightning takes 0.35 ms from one training_step to the next, on top of what a callback does; a step of softmax regression
is 0.7 ms. Keras calls the number of updates of one call `steps_per_execution`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins import Precision
from torch import Tensor
from torch.optim import optimizer as torch_optimizer

from initlab.callbacks.exact_steps import ExactSteps
from initlab.data.executions import Execution
from initlab.models.cuda_graph import GraphedUpdate, recorder_for
from initlab.nn import SGD

if TYPE_CHECKING:
    from initlab.models.module import Module

log = logging.getLogger(__name__)
Hook = Callable[..., Any]
Batch = tuple[Tensor, Tensor]
BETWEEN = ("on_train_batch_start", "on_train_batch_end")  # two updates
WITHIN = ("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step")  # an update


def obstacle(trainer: L.Trainer) -> str | None:
    """The setting, `key=value`, that asks for something which Lightning does for one update a call only; None: none."""
    fits = {
        "devices": trainer.world_size == 1,
        "precision": trainer.precision in ("32-true", "bf16-mixed"),
        "accumulate_grad_batches": trainer.accumulate_grad_batches == 1,
        "gradient_clip_val": not trainer.gradient_clip_val,
        "limit_train_batches": isinstance(trainer.limit_train_batches, float) and trainer.limit_train_batches == 1.0,
        "overfit_batches": not trainer.overfit_batches,
        "fast_dev_run": not trainer.fast_dev_run,
        "val_check_interval": trainer.val_check_interval == 1.0,
    }
    values = {"devices": trainer.world_size}
    return next((f"trainer.{k}={values.get(k) or getattr(trainer, k)}" for k, good in fits.items() if not good), None)


class CountedUpdates(Precision):
    """A precision's casts, but an update itself is somebody else's: Lightning counts it. Its own calls around one take
    0.13 ms, 4 % of a step of the MLP."""

    def __init__(self, precision: Precision) -> None:
        self.precision = precision.precision
        self.forward_context = precision.forward_context

    def train_step_context(self) -> AbstractContextManager[None]:
        return nullcontext()  # the forward pass alone is in it, as with automatic optimisation

    def optimizer_step(self, optimizer: Any, model: Any, closure: Callable[[], Any], **kwargs: Any) -> Any:
        return closure()


class StepsOfExecution:
    """Trains a model on the batches of an execution, one update each, and calls what Lightning would call.

    Callbacks get the same calls in the same order as with one update a call, and `trainer.global_step` counts updates.
    A callback that is not needed at each says so by a method `sees(step)`, step the number of updates before this one:
    an update that none of these wants to see goes by without them. Lightning itself calls all `on_train_batch_start`
    before the first update of an execution and all `on_train_batch_end` after the last one; those between are called
    from here, with the same `batch_idx`, the number of the execution. Callbacks that save (`Checkpoint`s) are left out
    there, as Lightning would take the execution up again from its beginning. The model optimises manually, in
    Lightning's word, with one optimiser.

    With `cuda_graph` the updates that go by are replayed as a CUDA graph, on a device that has them.
    """

    def __init__(self, model: Module, trainer: L.Trainer, cuda_graph: bool = False) -> None:
        self.model, self.trainer = model, trainer
        self._optimizer = trainer.optimizers[0]
        self._precision = trainer.precision_plugin
        self._cast = nullcontext if trainer.precision == "32-true" else self._precision.forward_context
        trainer.strategy.precision_plugin = CountedUpdates(self._precision)

        callbacks: list[Any] = trainer.callbacks
        others = [callback for callback in callbacks if not hasattr(callback, "sees")]
        self._sees = [callback.sees for callback in callbacks if hasattr(callback, "sees")]
        self._of_all, self._of_others = self._hooks(callbacks), self._hooks(others)
        self._hooks_now = self._of_all
        self._graph = self._graphed(others) if cuda_graph else None
        self._told_where = not cuda_graph

    def end_epoch(self) -> None:
        """Say so if there was nothing to replay in it."""
        if self._graph is not None and self._graph.replays == 0 and not self._graph.failed:
            log.warning("cuda_graph=true: no update was replayed, as each is looked at or has other settings")
            self._graph = None

    def end(self) -> None:
        """Leave the trainer as it was."""
        self.trainer.strategy.precision_plugin = self._precision

    def run(self, execution: Execution | Batch, batch_idx: int) -> dict[str, Tensor]:
        """The loss of the last batch, a 0-d tensor; those of all, and their figures, go to the epoch's sums. A batch
        that is no execution, of a loader of somebody else's, counts as one by itself."""
        if not isinstance(execution, Execution):
            execution = Execution.alone(execution)
        counter: Any = self.model.optimizers()  # Lightning's
        self._parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        self._schedulers = [config.scheduler for config in self.trainer.lr_scheduler_configs]
        if not self._told_where:  # only now, as a checkpoint says otherwise
            self._tell_where_to_count()
            self._told_where = True
        outputs: list[tuple[Tensor, Tensor, Tensor]] = []  # of the updates that were not replayed
        loss: Tensor
        batch: Batch = execution
        graph: GraphedUpdate | None = None
        for i, rows in enumerate(execution.rows):
            if i > 0 and self.trainer.global_step == self.trainer.max_steps:
                break
            if i > 0:
                self._call("on_train_batch_end", {"loss": loss}, batch, batch_idx)  # noqa: F821  of the one before
            seen = any(sees(self.trainer.global_step) for sees in self._sees)
            self._hooks_now = self._of_all if seen else self._of_others
            hidden = not seen and not _hooked(self._optimizer)
            graph = self._graph if self._graph and hidden and self._graph.fits(rows) else None
            if i > 0 and not graph:
                batch = execution.take(rows)
            if i > 0:
                self._call("on_train_batch_start", batch, batch_idx)
            if graph:
                loss = graph.update(rows, execution.take)
            else:
                outputs.append(self._update(batch))
                loss = outputs[-1][0]
            counter.step(_nothing)
            for scheduler in self._schedulers:
                scheduler.step()
        self._count(outputs)
        return {"loss": loss.clone() if graph else loss}  # the next replay writes over its own

    def _update(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, y_hat and y."""
        model = self.model
        with self._cast():
            y_hat, loss = model.try_on(batch)
        self._call("on_before_zero_grad", self._optimizer)
        for parameter in self._parameters:  # as zero_grad, which takes 30 us
            parameter.grad = None
        self._call("on_before_backward", loss)
        model.backward(loss)
        self._call("on_after_backward")
        self._call("on_before_optimizer_step", self._optimizer)
        _shortest_step(self._optimizer)()
        return loss.detach(), y_hat.detach(), batch[1]

    def _count(self, outputs: list[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Add the figures of all updates to the epoch's sums."""
        if outputs:
            losses, y_hats, ys = zip(*outputs, strict=True)
            summed = torch.stack([loss * len(y) for loss, y in zip(losses, ys, strict=True)])
            y = torch.cat(ys)
            self.model.count("train", len(y), self.model.summed(summed, torch.cat(y_hats), y))
        if self._graph is not None:
            self.model.count("train", *self._graph.drain())

    def _graphed(self, others: list[L.Callback]) -> GraphedUpdate | None:
        """None, with a sentence, where no update can be replayed."""
        device = self.model.device
        recorder = recorder_for(device)
        watchers = [type(c).__name__ for c in others if not isinstance(c, ExactSteps) and _listens(c)]
        if any(_overrides(self.model, L.LightningModule, name) for name in (*BETWEEN, *WITHIN)):
            watchers.append(type(self.model).__name__)
        if recorder is None:
            log.warning("cuda_graph=true: there are none on the device %s; updates are made kernel by kernel", device)
        elif watchers:
            log.warning("cuda_graph=true: %s looks at every update, so none is replayed", watchers[0])
        elif not _on_the_device(self._optimizer):
            name = type(self._optimizer).__name__
            log.warning("cuda_graph=true: %s may count on the host, so no update is replayed", name)
        else:
            return GraphedUpdate(self._update, self.model.summed, self._settings, recorder)
        return None

    def _settings(self) -> list[Any]:
        """What a recording holds on to: recorded anew each epoch, as a model may change something then."""
        groups = self._optimizer.param_groups
        numbers = [{name: value for name, value in group.items() if name != "params"} for group in groups]
        return [self.trainer.current_epoch, [p.requires_grad for p in self._parameters], numbers]

    def _tell_where_to_count(self) -> None:
        """Adam's number of steps lies on the device where there are CUDA graphs."""
        warnings.filterwarnings("ignore", message="This instance was constructed with capturable=True")
        for group in self._optimizer.param_groups:
            if "capturable" in group:
                group["capturable"] = self._graph is not None and self.model.device.type == "cuda"
                for state in (self._optimizer.state[p] for p in group["params"]):
                    if "step" in state and group["capturable"]:
                        state["step"] = state["step"].to(self.model.device)

    def _hooks(self, callbacks: list[L.Callback]) -> dict[str, list[Hook]]:
        """By name, of those who do anything there; the model's own comes last."""
        hooks: dict[str, list[Hook]] = {}
        for name in (*BETWEEN, *WITHIN):
            calls = [c for c in callbacks if _overrides(c, L.Callback, name)]
            if name in BETWEEN:
                calls = [c for c in calls if not isinstance(c, Checkpoint)]
            hooks[name] = [partial(getattr(c, name), self.trainer, self.model) for c in calls]
            if _overrides(self.model, L.LightningModule, name):
                hooks[name].append(getattr(self.model, name))
        return hooks

    def _call(self, name: str, *args: Any) -> None:
        for hook in self._hooks_now[name]:
            hook(*args)


def _overrides(thing: object, base: type, name: str) -> bool:
    """Whether it has a method of its own, be it set on the object."""
    method = getattr(thing, name)
    return getattr(method, "__func__", method) is not getattr(base, name)


def _listens(callback: L.Callback) -> bool:
    """Whether it does anything at an update."""
    names = WITHIN if isinstance(callback, Checkpoint) else (*BETWEEN, *WITHIN)
    return any(_overrides(callback, L.Callback, name) for name in names)


def own_calls(model: Any, data: Any, ours: tuple[type, type]) -> str | None:
    """The first method that Lightning would have to call for each batch and that the model or the data of `ours`, their
    bases, bring along; None: there is none."""
    transfer = ("on_before_batch_transfer", "on_after_batch_transfer", "transfer_batch_to_device")
    step = ("training_step", "backward", "optimizer_step", "optimizer_zero_grad", "lr_scheduler_step")
    asked = [(data, ours[1], name) for name in transfer] + [(model, ours[0], name) for name in transfer + step]
    return next(
        (f"{type(thing).__name__}.{name}" for thing, base, name in asked if _overrides(thing, base, name)), None
    )


def _hooked(optimizer: torch.optim.Optimizer) -> bool:
    """Whether somebody has put something around its step; also where a later torch does not tell."""
    hooks: list[tuple[Any, str]] = [(optimizer, f"_optimizer_step_{when}_hooks") for when in ("pre", "post")]
    hooks += [(torch_optimizer, f"_global_optimizer_{when}_hooks") for when in ("pre", "post")]
    return any(getattr(owner, name, True) for owner, name in hooks)


def _shortest_step(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """`update` of our SGD, where nobody has put hooks around `step`: what torch puts there takes 50 us, 2 % of a step
    of the MLP, 8 % of one of softmax regression. A scheduler wants to see `step` called, and wraps it."""
    plain = type(optimizer) is SGD and "step" not in vars(optimizer) and not _hooked(optimizer)
    return optimizer.update if plain else optimizer.step  # type: ignore[attr-defined]


def _on_the_device(optimizer: torch.optim.Optimizer) -> bool:
    """Whether its step is known to depend on nothing that changes on the host."""
    return type(optimizer) in (SGD, torch.optim.SGD) or all("capturable" in group for group in optimizer.param_groups)


def _nothing() -> None:
    pass
