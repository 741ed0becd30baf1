"""Columns of the inputs that stand apart from the others: constant ones, and ones in units far too large."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from torch import Tensor

from initlab.proof.fork import SIZES, Change, listed

FAR = 30.0  # times the size of the usual column; the largest of a million normal numbers is 5 standard deviations away


class OnInputs(L.Callback):
    """Every batch (X, y) with this done to X."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        owner: Any = getattr(trainer, "datamodule", None) or pl_module
        move = owner.on_after_batch_transfer

        def changed(batch: Any, dataloader_idx: int) -> Any:
            batch = move(batch, dataloader_idx)
            return type(batch)([self.function(batch[0]), *batch[1:]])

        owner.on_after_batch_transfer = changed


def odd_columns(X: Tensor) -> tuple[dict[int, str], dict[int, str]]:
    """Of [rows, columns], what is odd in words: of the constant ones, and of those that reach far beyond the others.

    The usual size is the root mean square of the median column, at least 1, that of a normalised one. A constant of no
    more than that is a second bias, which does no harm.
    """
    if X.ndim != 2 or X.shape[1] < 2 or not len(X) or not X.is_floating_point():
        return {}, {}
    X = X.double()
    usual = max(1.0, float(X.square().mean(0).sqrt().median()))
    largest, same = X.abs().amax(0), X.amin(0) == X.amax(0)
    constant = {i: f"is {float(X[0, i]):.4g} in every row" for i in _where(same & (largest > usual))}
    far = {
        i: f"reaches {float(largest[i]):.3g}, where the usual size of a column is {usual:.3g}"
        for i in _where(~same & (largest > FAR * usual))
    }
    return constant, far


def column_changes(X: Tensor, names: Sequence[str], word: Callable[[list[str]], str] | None = None) -> Iterator[Change]:
    """The odd columns left out: the constant ones, those that reach far, both. `word` makes the override that does it;
    without it they are zeroed."""
    constant, far = odd_columns(X)
    if constant:  # it tells no row from another, so nothing is lost without it
        yield _without(constant, "a constant column, {}, which {}", SIZES["column"], names, word)
    if far:  # it may tell something: that the inputs are normalised is the smaller change
        both = {**constant, **far}
        yield _without(both, "a column, {}, which {}", SIZES["data"] + SIZES["column"], names, word)


def _without(
    odd: dict[int, str], accuses: str, size: float, names: Sequence[str], word: Callable[[list[str]], str] | None
) -> Change:
    there = [names[i] for i in odd]
    says = listed([accuses.format(names[i], how) for i, how in odd.items()])
    if word:
        return Change("column", (word(there),), size, accuses=says)
    zeroed = partial(_zeroed, columns=list(odd))
    return Change("column", (f"{listed(there)} zeroed",), size, partial(OnInputs, zeroed), says)


def _zeroed(X: Tensor, columns: list[int]) -> Tensor:
    return X.index_fill(1, torch.tensor(columns, device=X.device), 0.0)


def _where(which: Tensor) -> list[int]:
    return [int(i) for i in which.nonzero()]
