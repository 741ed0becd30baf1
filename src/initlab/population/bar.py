"""How far the models of a population are."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from initlab.console import CONSOLE


class Bar:
    """One for all: models, updates of each, time left. Nothing where the terminal is none."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=CONSOLE, transient=True)
        self._task: Any = None

    def __enter__(self) -> Bar:
        if CONSOLE.is_terminal and not CONSOLE.quiet:
            self._progress.start()
            self._task = self._progress.add_task("", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._progress.stop()

    def show(self, requests: Sequence[Any]) -> None:
        """Of those that wait to train; the slowest counts."""
        requests = [request for request in requests if request.split == "train"]
        if self._task is None or not requests:
            return
        trainers = [request.model.trainer for request in requests]
        done = min(trainer.global_step for trainer in trainers)
        each = max(len(r.stretch.batches) * (t.max_epochs or 0) for r, t in zip(requests, trainers, strict=True))
        total = max((t.max_steps for t in trainers), default=-1)
        self._progress.update(
            self._task,
            completed=done,
            total=total if total > 0 else each or None,
            description=f"{len(requests)} models, updates of each",
        )
