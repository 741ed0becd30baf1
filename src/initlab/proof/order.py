"""Rows that a loader gives in the order of their labels: how that is seen, and the same rows shuffled.

Of batches of one class the loss says little: it comes down with each of them and the next class is forgotten. So a run
whose rows are sorted is judged, as is each fork of it, by shuffled batches after its last step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, SequentialSampler

from initlab.proof.fork import LAST, SIZES, Change

NEIGHBOURS = 16  # rows
ALIKE = 0.5  # variance of the labels within neighbours over that of all; 1 of shuffled rows


@dataclass(frozen=True)
class Order:
    """batches: of shuffled rows, as many as the steps and `LAST` more; says: how the rows lie."""

    batches: list[Any]
    says: str

    @property
    def held(self) -> list[Any]:
        return self.batches[-LAST:]

    def change(self, applies: Any = None) -> Change:
        return Change("order", ("shuffle=True",), SIZES["order"], applies, f"the order of the rows: {self.says}")


def order_of(
    loader: Any, steps: int, first: Sequence[Any] | None = None, taken: Callable[[Any], Any] = lambda batch: batch
) -> Order | None:
    """None where the loader shuffles, or is no `DataLoader` of a data set that has its rows by number, or where its
    first batches have labels as mixed as any.

    taken: what `training_step` gets of a batch of the loader; first: the first ones, so taken.
    """
    mixed = shuffled(loader, torch.Generator().manual_seed(0))
    if mixed is None:
        return None
    batches = [taken(batch) for batch in islice(mixed, steps + LAST)]
    ordered, every = _labels(first or list(map(taken, islice(loader, steps)))), _labels(batches)
    if ordered is None or every is None or len(batches) <= LAST or ordered.shape[1:] != every.shape[1:]:
        return None
    classes = not every.is_floating_point()
    if classes:
        count = 1 + int(torch.cat([ordered, every]).max())
        ordered, every = (torch.nn.functional.one_hot(y, count) for y in (ordered, every))
    ordered, every = (y.double().reshape(len(y), -1) for y in (ordered, every))
    overall = float(every.var(0).sum())
    if len(ordered) < NEIGHBOURS or overall <= 0:
        return None
    share = float(torch.stack(ordered.split(NEIGHBOURS)[: len(ordered) // NEIGHBOURS]).var(1).sum(-1).mean()) / overall
    if share >= ALIKE:
        return None
    what = "labels" if classes else "targets"
    return Order(batches, f"they are sorted, the {what} of {NEIGHBOURS} in a row vary by {share:.0%} of what all vary")


def shuffled(loader: Any, generator: torch.Generator | None = None) -> DataLoader[Any] | None:
    """The same loader with `shuffle=True`; None where it cannot be told or made."""
    if (
        not isinstance(loader, DataLoader)
        or isinstance(loader.dataset, IterableDataset)
        or not isinstance(loader.sampler, SequentialSampler)
        or loader.batch_size is None
    ):
        return None
    return DataLoader(
        loader.dataset, loader.batch_size, shuffle=True, collate_fn=loader.collate_fn, drop_last=loader.drop_last,
        generator=generator,
    )  # fmt: skip


def _labels(batches: Sequence[Any]) -> Tensor | None:
    """Class numbers, int64 [rows], or numbers [rows, ...], of pairs (X, y)."""
    found = [b[1] for b in batches if isinstance(b, (tuple, list)) and len(b) == 2 and isinstance(b[1], Tensor)]
    if not found or len(found) < len(batches) or found[0].ndim == 0:
        return None
    y = torch.cat(found).cpu()
    if y.is_floating_point():
        return y
    return y.long() if y.ndim == 1 and int(y.min()) >= 0 else None


class Shuffled(L.Callback):
    """The training loader of the data module with `shuffle=True`."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        data: Any = trainer.datamodule
        ordered = data.train_dataloader
        data.train_dataloader = lambda: shuffled(ordered())
