"""An update launched as one CUDA graph."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
Take = Callable[[Tensor], tuple[Tensor, Tensor]]
WARM_UP = 3  # updates before one is recorded: libraries set themselves up, an optimiser makes its state

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Where work is done, and how it is recorded so that it can be done again on the same memory."""

    def warm_up(self, work: Callable[[], T]) -> T: ...

    def record(self, work: Callable[[], Any]) -> Callable[[], None]: ...


class CudaRecorder:
    """On a stream of its own, as torch's notes on CUDA graphs have it; recording does none of the work."""

    def __init__(self, device: torch.device) -> None:
        self._stream: Any = torch.cuda.Stream(device)

    def warm_up(self, work: Callable[[], T]) -> T:
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = work()
        current.wait_stream(self._stream)
        return result

    def record(self, work: Callable[[], Any]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            work()
        return graph.replay


def recorder_for(device: torch.device) -> Recorder | None:
    """None where there are no CUDA graphs."""
    return CudaRecorder(device) if device.type == "cuda" else None


class GraphedUpdate:
    """Updates that differ in the rows of their batch alone: recorded once, then replayed in one launch each.

    A replay works on the memory and with the plain numbers of the recording. So the row numbers are copied to one place
    and the batch is put together within, figures are added up there, and where `settings` gives something new (a
    learning rate that has moved) the update is recorded anew. The first few with the same settings are made kernel by
    kernel; so are all if recording fails, with a sentence that says why.

    Args:
        update: makes one, (X, y) in; out loss (0-d), y_hat, y.
        sums: what the epoch adds up of these, by name.
        settings: the plain numbers that the update depends on.
    """

    def __init__(
        self,
        update: Callable[[tuple[Tensor, Tensor]], tuple[Tensor, Tensor, Tensor]],
        sums: Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]],
        settings: Callable[[], Any],
        recorder: Recorder,
    ) -> None:
        self._update, self._sums, self._settings, self._recorder = update, sums, settings, recorder
        self._known: Any = None  # settings
        self._made = 0  # with them
        self._replay: Callable[[], None] | None = None
        self._rows: Tensor | None = None
        self._loss: Tensor
        self._totals: dict[str, Tensor] = {}
        self._num_examples = 0
        self.replays = 0
        self.failed = False

    def fits(self, rows: Tensor) -> bool:
        """Whether a batch of these rows is of the shape that is recorded."""
        return not self.failed and len(rows) > 0 and (self._rows is None or len(rows) >= len(self._rows))

    def update(self, rows: Tensor, take: Take) -> Tensor:
        """Make the update on the batch that `take` makes of these row numbers, int64 [batch]; its loss, 0-d."""
        if self._rows is None or len(rows) > len(self._rows):  # the first may have been a short one
            self._rows, self._known = rows.clone(), None
        settings = self._settings()
        if settings != self._known:
            self._known, self._made, self._replay = settings, 0, None
        self._num_examples += len(rows)
        if self._replay is None and self._made >= WARM_UP:
            self._replay = self._recorded(self._rows, take)
        if self._replay is None:
            self._made += 1
            self._recorder.warm_up(lambda: self._work(rows, take))
        else:
            self._rows.copy_(rows)
            self._replay()
            self.replays += 1
        return self._loss

    def drain(self) -> tuple[int, dict[str, Tensor]]:
        """Number of examples, and the sums over them, since it was last asked."""
        number, self._num_examples = self._num_examples, 0
        sums = {name: total.clone() for name, total in self._totals.items()}
        for total in self._totals.values():
            total.zero_()
        return number, sums

    def _recorded(self, rows: Tensor, take: Take) -> Callable[[], None] | None:
        try:
            return self._recorder.record(lambda: self._work(rows, take))
        except RuntimeError as error:
            self.failed = True
            reason = str(error.__context__ or error).strip().split("\n")[0]
            log.warning("cuda_graph=true: an update cannot be recorded (%s); they are made kernel by kernel", reason)
            return None

    def _work(self, rows: Tensor, take: Take) -> None:
        loss, y_hat, y = self._update(take(rows))
        self._loss = loss
        for name, value in self._sums(loss * len(y), y_hat, y).items():
            if name not in self._totals:
                self._totals[name] = torch.zeros((), dtype=torch.float64, device=value.device)
            self._totals[name] += value
