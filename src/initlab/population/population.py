"""Several jobs in one process, whose networks make their updates together."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from initlab.callbacks.stopping import ANSWER, SIGNALS
from initlab.console import say
from initlab.population.bar import Bar
from initlab.population.pays import how_many
from initlab.population.seat import Request, Seat
from initlab.population.turns import Turns
from initlab.population.updates import Updates
from initlab.process.settings import process_left_as_it_was
from initlab.process.signals import came, came_before, forget


def run_together(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the jobs return. Each runs as it does alone, in a thread of its own; where its model makes updates that no
    callback looks at, it waits for the others, and they are made for all at once.

    Raises:
        SystemExit: a signal has stopped them, status 130 or 143.
        BaseException: what the first of those raised that did not end well.
    """
    with process_left_as_it_was(), _signals_noted() as stopped:
        seats = Population().run(works)
    if stopped:
        raise SystemExit(128 + stopped[0])
    for seat in seats:
        if seat.thread.error is not None:
            raise seat.thread.error
    return [seat.thread.result for seat in seats]


class Population:
    """rows: of data, which jobs share, by what they depend on."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.rows: dict[Hashable, Any] = {}

    def run(self, works: Sequence[Callable[[], Any]]) -> list[Seat]:
        """Until all have ended: as many at once as `how_many` says."""
        left, seats = list(works), []
        while left and came_before() is None:
            now: list[Seat] = []
            try:
                self._start(left, now)
                self._meet(now)
            finally:
                for seat in now:
                    seat.thread.end()
            seats += now
        reasons = [seat.reason for seat in seats if seat.trains]
        for reason, number in Counter(filter(None, reasons)).items():
            say(f"{number} of {len(reasons)} jobs trained alone: {reason}", "stack")
        return seats

    def _start(self, left: list[Callable[[], Any]], seats: list[Seat]) -> None:
        """Let jobs run to where they first wait."""
        most = None
        while left and len(seats) != most and came_before() is None:
            seats.append(Seat(self, left.pop(0)))
            seats[-1].thread.turn()
            if most is None and (request := seats[-1].request) is not None:
                most = len(seats) - 1 + how_many(*request.shapes)

    def _meet(self, seats: Sequence[Seat]) -> None:
        updates = Updates()
        with Bar() as bar:
            while waiting := [seat.request for seat in seats if seat.request is not None]:
                groups: dict[Hashable, list[Request]] = {}
                for request in waiting:
                    groups.setdefault(request.kind, []).append(request)
                for group in groups.values():
                    began = time.perf_counter()
                    updates.serve(group)
                    for request in group:
                        request.seconds += (time.perf_counter() - began) / len(group)
                bar.show(waiting)
                for request in waiting:
                    if request.fulfilled:
                        request.seat.thread.turn()


@contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """The numbers of Ctrl-C and SIGTERM that came: at the first each job finishes its updates, saves and ends; the
    second ends the process."""
    numbers: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield numbers
        return

    def note(number: int, frame: FrameType | None) -> None:
        if numbers:
            os._exit(128 + number)
        numbers.append(number)
        came(number)
        os.write(2, ANSWER)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, note)
    try:
        yield numbers
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)
        if numbers:
            forget()
