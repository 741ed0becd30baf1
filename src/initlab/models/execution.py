"""Several updates in one call of Lightning's training_step.

Lightning takes 0.35 ms from one training_step to the next, on top of what a callback does; a step of softmax regression
is 0.7 ms. Keras calls the number of updates of one call `steps_per_execution`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from initlab.data.executions import Execution

if TYPE_CHECKING:
    from initlab.models.module import Module

Hook = Callable[..., Any]
WITHIN = ("on_before_zero_grad", "on_before_backward", "on_after_backward")  # a step, for everybody
BETWEEN = ("on_train_batch_start", "on_train_batch_end")  # two steps


def possible(trainer: L.Trainer) -> bool:
    """Whether nothing is asked of Lightning that it does for one update a call only: one device, float32, each batch of
    an epoch an update, gradients as they come."""
    return (
        trainer.world_size == 1
        and trainer.precision == "32-true"
        and trainer.accumulate_grad_batches == 1
        and not trainer.gradient_clip_val
        and trainer.limit_train_batches == 1.0
        and isinstance(trainer.limit_train_batches, float)
        and not trainer.overfit_batches
        and not trainer.fast_dev_run
        and trainer.max_steps == -1
        and trainer.val_check_interval == 1.0
    )


class StepsOfExecution:
    """Trains a model on the batches of an execution, one update each, and calls what Lightning would call.

    Every callback sees the same calls in the same order as with one update a call, and `trainer.global_step` counts
    updates. Lightning itself calls `on_train_batch_start` before the first update of an execution and
    `on_train_batch_end` after the last one; those between are called from here, with the same `batch_idx`, the number
    of the execution. Callbacks that save (`Checkpoint`s) are left out there, as Lightning would take the execution up
    again from its beginning. The model optimises manually, in Lightning's word, with one optimiser.
    """

    def __init__(self, model: Module, trainer: L.Trainer) -> None:
        self.model, self.trainer = model, trainer
        between = [callback for callback in trainer.callbacks if not isinstance(callback, Checkpoint)]
        self._hooks = {name: self._hooks_of(trainer.callbacks, name) for name in WITHIN}
        self._hooks |= {name: self._hooks_of(between, name) for name in BETWEEN}

    def run(self, execution: Execution, batch_idx: int) -> dict[str, Tensor]:
        """The loss of the last batch, a 0-d tensor; those of all, and their figures, go to the epoch's sums."""
        model = self.model
        optimizer: Any = model.optimizers()  # Lightning's, which counts
        schedulers = [config.scheduler for config in self.trainer.lr_scheduler_configs]
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        outputs: list[tuple[Tensor, Tensor, Tensor]] = []
        for batch in execution.batches():
            if outputs:
                self._call("on_train_batch_end", {"loss": outputs[-1][0]}, execution, batch_idx)
                self._call("on_train_batch_start", batch, batch_idx)
            y_hat, loss = model.try_on(batch)
            self._call("on_before_zero_grad", optimizer.optimizer)
            for parameter in parameters:  # as zero_grad, which takes 30 us
                parameter.grad = None
            self._call("on_before_backward", loss)
            model.backward(loss)
            self._call("on_after_backward")
            optimizer.step()  # calls on_before_optimizer_step
            for scheduler in schedulers:
                scheduler.step()
            outputs.append((loss.detach(), y_hat.detach(), batch[1]))
        losses, y_hats, ys = zip(*outputs, strict=True)
        summed = torch.stack([loss * len(y) for loss, y in zip(losses, ys, strict=True)])
        model.count("train", summed, torch.cat(y_hats), torch.cat(ys))
        return {"loss": losses[-1]}

    def _hooks_of(self, callbacks: Iterable[L.Callback], name: str) -> list[Hook]:
        """Of those who do anything there; the model's own comes last."""
        hooks: list[Hook] = [
            partial(getattr(callback, name), self.trainer, self.model)
            for callback in callbacks
            if getattr(type(callback), name) is not getattr(L.Callback, name)
        ]
        if getattr(type(self.model), name) is not getattr(L.LightningModule, name):
            hooks.append(getattr(self.model, name))
        return hooks

    def _call(self, name: str, *args: Any) -> None:
        for hook in self._hooks[name]:
            hook(*args)
