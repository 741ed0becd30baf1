"""An epoch, cut into stretches: a call of training_step trains on as many batches as no callback looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import lightning as L
from torch import Tensor

from initlab.seeds import seed_batch
from initlab.training.overrides import overrides
from initlab.training.several_updates import SeveralUpdates

Batch = tuple[Tensor, Tensor]
HOOKS = (  # of a batch
    "on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward",
    "on_before_optimizer_step", "on_train_batch_end",
)  # fmt: skip


@runtime_checkable
class Batches(Protocol):
    """As `initlab.data.Batches`, which knows its place in the run."""

    done: int | None
    epoch: int
    number: int
    of_all: int

    def __len__(self) -> int: ...

    def rows(self) -> Iterator[Tensor]: ...

    def take(self, rows: Tensor) -> Batch: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Stretch:
    """Batches to train on in one go. Iterating makes one (X, y) after the other and sets torch's random numbers for it.

    numbers: of the batches, counted from the start of the run.
    rows:    their row numbers, int64 [batch], of which `take` makes them.
    """

    def __init__(self, batches: Batches, seed: int) -> None:
        self.numbers: list[int] = []
        self.rows: list[Tensor] = []
        self.batches, self.take = batches, batches.take
        self._seed = seed

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Batch]:
        for number, rows in zip(self.numbers, self.rows, strict=True):
            seed_batch(self._seed, number, rows.device.type)
            yield self.take(rows)


class Stretches:
    """The loader of a trainer with `SeveralUpdates`.

    A step that a callback looks at is a stretch of its own, the others come up to `longest` at a time. Lightning asks
    for one stretch more than it trains on, to know the last; each is filled only when the next is asked for, which is
    when its turn has come, so callbacks are asked with all before it done. There is no `len`: how many there will be is
    not known. An epoch, its order and its state are those of `batches`.
    """

    def __init__(self, batches: Batches, trainer: L.Trainer, several: SeveralUpdates) -> None:
        self.batches = batches
        self._trainer, self._several = trainer, several

    def __iter__(self) -> Iterator[Stretch]:
        yield (stretch := Stretch(self.batches, self._several.seed))
        looks, alone = looks_of(self._trainer), False
        for rows in self.batches.rows():
            step = self._trainer.global_step + len(stretch)
            looked_at = step == self._trainer.max_steps or any(looks_at(step) for looks_at in looks)
            if stretch and (alone or looked_at or len(stretch) == self._several.longest):
                yield (stretch := Stretch(self.batches, self._several.seed))
            stretch.rows.append(rows)
            stretch.numbers.append(self.batches.number)
            alone = looked_at

    def state_dict(self) -> dict[str, Any]:
        return self.batches.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.batches.load_state_dict(state)


class OneStretch:
    """The loader of these batches for a trainer, which gets all of them at once when it validates, and one after
    the other else."""

    def __init__(self, batches: Batches, trainer: L.Trainer, several: SeveralUpdates) -> None:
        self.batches = batches
        self._trainer, self._several = trainer, several

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Any]:
        if not self._trainer.validating:
            yield from map(self.batches.take, self.batches.rows())
            return
        stretch = Stretch(self.batches, self._several.seed)
        stretch.rows = list(self.batches.rows())
        stretch.numbers = list(range(len(stretch)))
        yield stretch


def in_one_stretch(batches: Any, trainer: L.Trainer | None) -> Any:
    """The loader of these batches, to be validated on: of a model at a meeting `OneStretch`."""
    several = trainer.precision_plugin if trainer else None
    if trainer is None or not isinstance(several, SeveralUpdates) or several.meeting is None:
        return batches
    if len(batches) == 1 or not _all_of(len(batches), trainer.limit_val_batches):
        return batches
    return OneStretch(batches, trainer, several)


def limit_of(trainer: L.Trainer | None) -> float:
    """Of the batches of an epoch so many, or this share, which the trainer leaves to the loader."""
    several = trainer.precision_plugin if trainer else None
    return several.limit if isinstance(several, SeveralUpdates) else 1.0


def in_stretches(batches: Any, trainer: L.Trainer | None) -> Any:
    """The loader of these batches: themselves where each is trained on by itself, else `Stretches`.

    A run that resumes may have been in stretches before, so Lightning's count of its calls says nothing of its place in
    the epoch: it gets stretches of one batch.
    """
    several = trainer.precision_plugin if trainer else None
    if trainer is None or not isinstance(several, SeveralUpdates):
        return batches
    if _each_step in looks_of(trainer) and trainer.ckpt_path is None:
        return batches
    return Stretches(batches, trainer, several)


def batches_of(trainer: L.Trainer) -> Any:
    """The trainer's loader, or what it cuts into stretches."""
    loader = trainer.train_dataloader
    return loader.batches if isinstance(loader, Stretches) else loader


def _all_of(number: int, limit: float) -> bool:
    return limit >= (number if isinstance(limit, int) else 1.0)


def looks_of(trainer: L.Trainer) -> list[Callable[[int], bool]]:
    """`looks_at(step)` of each callback with a hook for batches, step the number of updates before this one. One that
    has no such method, and a model with such hooks, look at every step."""
    listeners = [callback for callback in trainer.callbacks if _listens(callback, L.Callback)]
    looks = [getattr(callback, "looks_at", _each_step) for callback in listeners]
    return looks + [_each_step] * _listens(trainer.lightning_module, L.LightningModule)


def _listens(thing: object, base: type) -> bool:
    return any(overrides(thing, base, name) for name in HOOKS)


def _each_step(step: int) -> bool:
    return True
