"""The trainer's permission to make several updates in a call of training_step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning as L
from lightning.pytorch.plugins import DoublePrecision, MixedPrecision, Precision
from torch import Tensor
from torch.optim import Optimizer
from torch.optim import optimizer as torch_optimizer

from initlab.batch import TRANSFER
from initlab.nn import SGD
from initlab.training.meeting import LONGEST, Meeting
from initlab.training.overrides import overrides

# Lightning's names
FULL, DOUBLE, MIXED = (None, 32, "32", "32-true"), (64, "64", "64-true"), ("bf16", "bf16-mixed")
LOADER = ("train_dataloader", "train_batches")  # who makes it must keep to the limit
STEP = (
    "training_step", "backward", "optimizer_step", "optimizer_zero_grad", "lr_scheduler_step", "configure_optimizers",
    "configure_callbacks",
)  # fmt: skip


class SeveralUpdates(Precision):
    """A plugin of the trainer, given to its constructor: `L.Trainer(plugins=[SeveralUpdates(longest=16, seed=0)])`.

    With it a model of `initlab.models` makes its updates itself (Lightning's manual optimisation) and a data module of
    `initlab.data` hands out stretches of up to `longest` batches. A precision plugin, as that is who makes an
    optimiser's step: `optimizer.step(unwatched=True)` is the step without the calls to callbacks around it, which take
    0.06 ms, 8 % of a step of softmax regression. Lightning counts it all the same.

    Args:
        longest: stretch, in updates.
        seed: of the random numbers of each batch.
        meeting: where the updates of a stretch are made together with those of other models.
        limit: of the batches of an epoch so many (int), or this share (float). The trainer's own
            `limit_train_batches` would count stretches.
    """

    def __init__(self, longest: int, seed: int, meeting: Meeting | None = None, limit: float = 1.0) -> None:
        self.longest, self.seed, self.meeting, self.limit = longest, seed, meeting, limit

    def train_step_context(self) -> AbstractContextManager[None]:
        return nullcontext()  # each forward pass is in `forward_context`, as with automatic optimisation

    def ready(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """A batch of a stretch in this precision."""
        return batch

    def optimizer_step(
        self,
        optimizer: Any,
        model: Any,
        closure: Callable[[], Any],
        unwatched: bool = False,
        made: bool = False,
        **more: Any,
    ) -> Any:
        if made:  # at a meeting; Lightning only counts it
            return None
        if unwatched:
            return shortest_step(optimizer)()
        return super().optimizer_step(optimizer, model=model, closure=closure, **more)


class SeveralDoubleUpdates(SeveralUpdates, DoublePrecision):
    """The same in float64, as `trainer.precision=64-true`."""

    def ready(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return self.convert_input(batch)


class SeveralMixedUpdates(SeveralUpdates, MixedPrecision):
    """The same in bfloat16, as `trainer.precision=bf16-mixed`."""

    def __init__(self, longest: int, seed: int, meeting: Meeting | None = None, limit: float = 1.0) -> None:
        SeveralUpdates.__init__(self, longest, seed, meeting, limit)
        MixedPrecision.__init__(self, "bf16-mixed", "cpu")

    def connect(self, model: Any, optimizers: Any, lr_schedulers: Any) -> Any:
        self.device = model.device.type
        return super().connect(model, optimizers, lr_schedulers)


def several_updates(
    precision: Any, longest: int, seed: int, meeting: Meeting | None = None, limit: float | None = None
) -> SeveralUpdates:
    """The plugin for `trainer.precision` and `trainer.limit_train_batches`."""
    if meeting is not None and precision in MIXED:
        meeting.train_alone(f"trainer.precision={precision}")
        meeting = None
    kind = (
        SeveralMixedUpdates if precision in MIXED else SeveralDoubleUpdates if precision in DOUBLE else SeveralUpdates
    )
    return kind(longest if meeting is None else max(longest, LONGEST), seed, meeting, 1.0 if limit is None else limit)


def can_make_several(settings: Mapping[str, Any], model: L.LightningModule, data: Any, ours: tuple[type, type]) -> bool:
    """Whether a trainer with these arguments, and the methods that the model and the data bring along and `ours`, their
    bases, do not have, ask for nothing that Lightning does for one update a call only."""
    fits: dict[str, Callable[[Any], bool]] = {
        "devices": lambda value: value in (None, 1),
        "precision": lambda value: value in (*FULL, *DOUBLE, *MIXED),
        "accumulate_grad_batches": lambda value: value in (None, 1),
        "gradient_clip_val": lambda value: not value,
        "overfit_batches": lambda value: not value,
        "fast_dev_run": lambda value: not value,
        "val_check_interval": _all_of_them,
    }
    of_data = TRANSFER if _all_of_them(settings.get("limit_train_batches")) else TRANSFER + LOADER
    asked = [(data, ours[1], name) for name in of_data] + [(model, ours[0], name) for name in TRANSFER + STEP]
    return all(fit(settings.get(key)) for key, fit in fits.items()) and not any(overrides(*each) for each in asked)


def _all_of_them(share: Any) -> bool:
    """The whole number 1 is one batch."""
    return share is None or (isinstance(share, float) and share == 1.0)


def shortest_step(optimizer: Optimizer) -> Callable[[], Any]:
    """`update` of our SGD, where there are no hooks around `step`: what torch puts there takes 20 us, 3 % of a step
    of softmax regression. A scheduler wants to see `step` called, and wraps it."""
    if type(optimizer) is SGD and "step" not in vars(optimizer) and not _hooked(optimizer):
        return optimizer.update
    return optimizer.step


def _hooked(optimizer: Optimizer) -> bool:
    """Whether there are hooks around its step. torch does not say so in public: where a later one keeps them elsewhere
    the answer is yes, and the step takes longer."""
    hooks: list[tuple[Any, str]] = [(optimizer, f"_optimizer_step_{when}_hooks") for when in ("pre", "post")]
    hooks += [(torch_optimizer, f"_global_optimizer_{when}_hooks") for when in ("pre", "post")]
    return any(getattr(owner, name, True) for owner, name in hooks)
