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
from lightning.pytorch.plugins import Precision
from torch import Tensor

from initlab.data.executions import Execution

if TYPE_CHECKING:
    from initlab.models.module import Module

Hook = Callable[..., Any]
BETWEEN = ("on_train_batch_start", "on_train_batch_end")  # two updates
WITHIN = ("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step")  # an update


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


class CountedUpdates(Precision):
    """Leaves an update to its closure, and to Lightning the count; its own calls around one take 0.13 ms, 4 % of a step
    of the MLP."""

    def optimizer_step(self, optimizer: Any, model: Any, closure: Callable[[], Any], **kwargs: Any) -> Any:
        return closure()


class StepsOfExecution:
    """Trains a model on the batches of an execution, one update each, and calls what Lightning would call.

    Callbacks see the same calls in the same order as with one update a call, and `trainer.global_step` counts updates.
    A callback that is not needed at each says so by a method `sees(step)`, step the number of updates before this one:
    an update that none of these wants to see goes by without them. Lightning itself calls all `on_train_batch_start`
    before the first update of an execution and all `on_train_batch_end` after the last one; those between are called
    from here, with the same `batch_idx`, the number of the execution. Callbacks that save (`Checkpoint`s) are left out
    there, as Lightning would take the execution up again from its beginning. The model optimises manually, in
    Lightning's word, with one optimiser.
    """

    def __init__(self, model: Module, trainer: L.Trainer) -> None:
        self.model, self.trainer = model, trainer
        callbacks: list[Any] = trainer.callbacks
        between = [callback for callback in callbacks if not isinstance(callback, Checkpoint)]
        self._sees = [callback.sees for callback in callbacks if hasattr(callback, "sees")]
        self._of_all = {name: self._hooks(callbacks, name) for name in WITHIN}
        self._of_all |= {name: self._hooks(between, name) for name in BETWEEN}
        self._of_others = {name: self._hooks((c for c in callbacks if not hasattr(c, "sees")), name) for name in WITHIN}
        self._of_others |= {name: self._hooks((c for c in between if not hasattr(c, "sees")), name) for name in BETWEEN}
        trainer.strategy.precision_plugin = CountedUpdates()

    def run(self, execution: Execution, batch_idx: int) -> dict[str, Tensor]:
        """The loss of the last batch, a 0-d tensor; those of all, and their figures, go to the epoch's sums."""
        model = self.model
        optimizer: Any = model.optimizers()  # Lightning's, which counts
        update = partial(self._update, optimizer.optimizer)
        schedulers = [config.scheduler for config in self.trainer.lr_scheduler_configs]
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        outputs: list[tuple[Tensor, Tensor, Tensor]] = []
        for step, batch in enumerate(execution.batches(), self.trainer.global_step):
            if outputs:
                self._call("on_train_batch_end", {"loss": outputs[-1][0]}, execution, batch_idx)
            self._hooks_now = self._of_all if any(sees(step) for sees in self._sees) else self._of_others
            if outputs:
                self._call("on_train_batch_start", batch, batch_idx)
            y_hat, loss = model.try_on(batch)
            self._call("on_before_zero_grad", optimizer.optimizer)
            for parameter in parameters:  # as zero_grad, which takes 30 us
                parameter.grad = None
            self._call("on_before_backward", loss)
            model.backward(loss)
            self._call("on_after_backward")
            optimizer.step(update)
            for scheduler in schedulers:
                scheduler.step()
            outputs.append((loss.detach(), y_hat.detach(), batch[1]))
        losses, y_hats, ys = zip(*outputs, strict=True)
        summed = torch.stack([loss * len(y) for loss, y in zip(losses, ys, strict=True)])
        model.count("train", summed, torch.cat(y_hats), torch.cat(ys))
        return {"loss": losses[-1]}

    def _update(self, optimizer: torch.optim.Optimizer) -> None:
        self._call("on_before_optimizer_step", optimizer)
        optimizer.step()

    def _hooks(self, callbacks: Iterable[L.Callback], name: str) -> list[Hook]:
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
        for hook in self._hooks_now[name]:
            hook(*args)
