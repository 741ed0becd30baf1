"""Batches of a data set that lies whole, as tensors, on the device that trains on it."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from initlab.errors import UserError
from initlab.seeds import generator


class Batches:
    """Pairs (X, y) of `batch_size` rows, the last pair shorter, picked by one `index_select` for each tensor.

    With a seed, the order of epoch e is a pure function of (seed, e), the same on every device; without one,
    rows come as they lie. `transform` is applied to the rows picked from X, which are a copy it may write to.

    `limit`: of the batches of an epoch the first so many (int), or that share of them (float).

    Where several processes train together each gets an equal part of every batch; up to `num_processes` - 1 rows of an
    epoch, other ones each time, are left out for that.

    A checkpoint made in mid-epoch holds the epoch and the number of batches done, which is all that the rest
    of the epoch depends on. A trainer stops at the last batch without asking for one more, so an epoch begins
    with the first batch asked for, never with the end of the one before.
    """

    done: int | None = None
    """Batches of this epoch trained on, kept up to date from outside (a batch handed out may never be trained
    on); None counts those handed out."""

    def __init__(
        self,
        X: Tensor,
        y: Tensor,
        batch_size: int,
        seed: int | None = None,
        transform: Callable[[Tensor], Tensor] | None = None,
        process: int = 0,
        num_processes: int = 1,
        limit: float = 1.0,
    ) -> None:
        if batch_size % num_processes:
            raise UserError(f"data.batch_size={batch_size}: trainer.devices={num_processes} must divide it")
        self.X, self.y = X, y
        self.batch_size = batch_size
        self.seed = seed
        self.transform = transform
        self.process, self.num_processes = process, num_processes
        self._num_rows = len(X) - len(X) % num_processes  # of an epoch
        self.of_all = -(-self._num_rows // batch_size)
        """Batches of an epoch without a limit, by which they are numbered."""
        self._length = min(limit, self.of_all) if isinstance(limit, int) else int(limit * self.of_all)
        if self.of_all and not self._length:
            raise UserError(f"trainer.limit_train_batches={limit}: less than one of the {self.of_all} of an epoch")
        self.epoch = -1
        self._handed_out = 0
        self._resumed = False

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return map(self.take, self.rows())

    @property
    def number(self) -> int:
        """Of the batch handed out last, counted from the start of the run."""
        return self.epoch * self.of_all + self._handed_out - 1

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The batch of these row numbers, int64 [batch]."""
        X = self.X.index_select(0, rows)
        return (X if self.transform is None else self.transform(X)), self.y.index_select(0, rows)

    def rows(self) -> Iterator[Tensor]:
        """The row numbers of each batch of the epoch that begins here, or of what is left of it."""
        # A generator: nothing below runs before the first batch is asked for.
        if not (self._resumed and self._handed_out < len(self)):
            self.epoch += 1
            self._handed_out = 0
        self._resumed = False
        if self.done is not None:
            self.done = self._handed_out
        of_epoch = self.order(self.epoch)[: self._num_rows].split(self.batch_size)
        for of_all in of_epoch[self._handed_out : len(self)]:
            self._handed_out += 1
            yield of_all if self.num_processes == 1 else of_all.chunk(self.num_processes)[self.process]

    def order(self, epoch: int) -> Tensor:
        """Row numbers in the order of that epoch, int64 [n], on the device of the data."""
        num_rows = len(self.X)
        if self.seed is None:
            return torch.arange(num_rows, device=self.X.device)
        return torch.randperm(num_rows, generator=generator("order", self.seed, epoch)).to(self.X.device)

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "done": self._handed_out if self.done is None else self.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self._handed_out = state["epoch"], state["done"]
        self._resumed = True
