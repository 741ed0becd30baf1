"""The terminal's table of epochs, a line at a time."""

from __future__ import annotations

from initlab.callbacks.epoch_rows import EpochLogger, Row
from initlab.console import CONSOLE, IN_NOTEBOOK, say
from initlab.numbers import listed, shown
from initlab.training import own_clock

KINDS = ("train/", "val/", "error/")  # in this order, then the others, lr last


class EpochLines(EpochLogger):
    """Print each epoch's metrics as a line under a heading: train and val next to each other, as many as fit.

    A metric that an earlier epoch did not have gets the heading printed again. In a notebook, where lines stay and
    nothing scrolls, epochs 1 to 10, then 20, 30, ..., 100, 200, ...: 28 lines of a thousand.
    """

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._columns: list[str] = []
        self._last = own_clock()

    @property
    def name(self) -> str:
        return "terminal"

    def add(self, row: Row) -> None:
        if IN_NOTEBOOK and not _is_round(int(row["epoch"]) + 1):
            self._last = own_clock()
            return
        new = [name for name in row if name not in (*self._names, "epoch", "step")]
        if new:
            self._names = sorted([*self._names, *new], key=_rank)
            columns = self._fitting()
            if columns != self._columns:
                self._columns = columns
                self._print_heading()
        now = own_clock()
        cells = [f"{int(row['epoch']) + 1:>{_width('epoch')}}"]
        cells += [f"{shown(row.get(name)):>{_width(name)}}" for name in self._columns]
        cells.append(f"{now - self._last:>{_width('seconds')}.1f}")
        self._last = now
        CONSOLE.print("  ".join(cells), highlight=False)

    def _print_heading(self) -> None:
        heading = "  ".join(f"{name:>{_width(name)}}" for name in ("epoch", *self._columns, "seconds"))
        CONSOLE.print(heading, style="bold", highlight=False)
        others = [name for name in self._names if name not in self._columns and name != "lr"]
        if others:
            some = listed(others, 4)
            say(f"no room here for {some}", style="dim")

    def _fitting(self) -> list[str]:
        """Those of the names, in order, for which the line has room; the training accuracy goes first."""
        room = CONSOLE.width - _width("epoch") - 2 - _width("seconds")
        fitting = []
        for name in sorted(self._names, key=lambda name: name == "train/acc"):
            if _width(name) + 2 <= room:
                room -= _width(name) + 2
                fitting.append(name)
        return sorted(fitting, key=self._names.index)


def _is_round(epoch: int) -> bool:
    """One digit, and then zeros."""
    return epoch % 10 ** (len(str(epoch)) - 1) == 0


def _rank(name: str) -> tuple[int, bool]:
    """Sorting is stable: names of a kind stay as they came."""
    kind = next((i for i, kind in enumerate(KINDS) if name.startswith(kind)), len(KINDS))
    return kind, name == "lr"


def _width(name: str) -> int:
    return len(name) if name in ("epoch", "seconds") else max(len(name), 8)  # of 4.93e-05
