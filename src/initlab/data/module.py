"""What the data modules share: a few tensors on the training device, and three loaders over them."""

from collections.abc import Callable, Hashable
from typing import Any, Literal, NamedTuple, TypeVar

import torch
from lightning import LightningDataModule
from torch import Tensor

from initlab.data.batches import Batches
from initlab.errors import UserError
from initlab.training import Stretch, Stretches, current_meeting, in_one_stretch, in_stretches, limit_of
from initlab.training.overrides import overrides

EVAL_BATCH_SIZE = 1024  # rows; metrics are exact sums over rows, so only speed and memory depend on it


Made = TypeVar("Made")


class Splits(NamedTuple):
    """Three pairs (X, y)."""

    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


class TensorDataModule(LightningDataModule):
    """A data set small enough to lie whole on the training device.

    The models ask no more of a data module than this, so one of your own need not derive from this class:
    the three attributes below, and loaders that yield (X, y) with X float32 [batch, ...], `num_inputs` values
    a row, and y int64 [batch], the class, or float32 [batch, num_outputs], the target.
    """

    task: Literal["classification", "regression"]
    num_inputs: int
    num_outputs: int

    def __init__(self, *, batch_size: int, seed: int) -> None:
        super().__init__()
        check_at_least("batch_size", batch_size, 1)
        check_at_least("seed", seed, 0)
        self.batch_size = batch_size
        self.seed = seed
        self._splits: Splits | None = None

    def __str__(self) -> str:
        """Lightning's own describes data sets of torch's."""
        rows = ", ".join(f"{len(y):,} {name}" for name, (_, y) in zip(Splits._fields, self.splits, strict=True))
        return f"{type(self).__name__}: {self.num_inputs} inputs, {self.num_outputs} outputs; rows: {rows}"

    def make_splits(self) -> Splits:
        """Read or draw the data, on the CPU; called once."""
        raise NotImplementedError

    def same_rows(self) -> Hashable:
        """Equal for two data modules of one class where `make_splits` and `transform` give equal rows, so that models
        that train at the same time hold them once; None: it is not known."""
        return None

    def transform(self, X: Tensor) -> Tensor:
        """From the rows as stored to float32 inputs; it may write to `X`."""
        return X

    @property
    def splits(self) -> Splits:
        """The data as stored; read on first use, so that a notebook needs no trainer."""
        if self._splits is None:
            self._splits = self.made_once("rows", self.make_splits)
        return self._splits

    def made_once(self, what: str, make: Callable[[], Made]) -> Made:
        """What `make` gives of the rows; of models that train at the same time once for all with the same rows."""
        meeting, same = current_meeting(), self.same_rows()
        if meeting is None:
            return make()
        if same is not None:
            return meeting.rows((type(self), what, same), make)
        made = make()
        return made if overrides(self, TensorDataModule, "transform") else meeting.equal(made)

    def prepare_data(self) -> None:
        _ = self.splits

    def setup(self, stage: str | None = None) -> None:
        if self.trainer is None:
            return
        device, splits = self.trainer.strategy.root_device, self.splits
        self._splits = self.made_once(str(device), lambda: Splits(*((X.to(device), y.to(device)) for X, y in splits)))

    def train_batches(self) -> Batches:
        """Of an epoch, those of this process."""
        rows, limit = self.splits.train, limit_of(self.trainer)
        return Batches(*rows, self.batch_size, self.seed, self.transform, *self._process, limit)

    def train_dataloader(self) -> Batches | Stretches:
        return in_stretches(self.train_batches(), self.trainer)

    def val_dataloader(self) -> Any:
        return in_one_stretch(self._evaluated(*self.splits.val), self.trainer)

    def test_dataloader(self) -> Batches:
        return self._evaluated(*self.splits.test)

    def _evaluated(self, X: Tensor, y: Tensor) -> Batches:
        """Each row in one of the processes."""
        process, num_processes = self._process
        if len(X) < num_processes:
            raise UserError(f"trainer.devices={num_processes}: there are {len(X)} rows to evaluate; take fewer devices")
        X, y = (part.tensor_split(num_processes)[process] for part in (X, y))
        return Batches(X, y, EVAL_BATCH_SIZE, transform=self.transform)

    @property
    def _process(self) -> tuple[int, int]:
        """This process's number, and of how many."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def transfer_batch_to_device(
        self, batch: tuple[Tensor, Tensor] | Stretch, device: torch.device, dataloader_idx: int
    ) -> tuple[Tensor, Tensor] | Stretch:
        """A stretch of one is the batch."""
        if isinstance(batch, Stretch):
            return batch.take(batch.rows[0]) if len(batch) == 1 else batch
        X, y = batch
        return batch if X.device == device else (X.to(device), y.to(device))


def check_at_least(key: str, value: int, least: int) -> None:
    """UserError unless `value` is an integer and at least `least`."""
    if not isinstance(value, int) or value < least:
        raise UserError(f"data.{key}={value}: it must be an integer, at least {least}")
