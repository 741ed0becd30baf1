"""Ctrl-C and SIGTERM before a run has handlers of its own, while it composes its config and imports."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

USUAL: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
_came: list[int] = []


@contextmanager
def leave_in_order() -> Iterator[None]:
    """Either leaves with what must be done at the end: KeyboardInterrupt, or SystemExit of status 143. A signal that is
    ignored, or that somebody handles, is left as it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number, usual in USUAL.items() if signal.getsignal(number) == usual]
    for number in taken:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, USUAL[number])
        _came.clear()


def came_before() -> int | None:
    """The number of a signal whose exception was lost: in a finaliser, or in a library that catches everything."""
    return _came[-1] if _came else None


def came(number: int) -> None:
    """To be called by a handler whose caller is to be told at its next look."""
    _came.append(number)


def forget() -> None:
    """All that came: the one who was to be told has been."""
    _came.clear()


def _leave(number: int, frame: FrameType | None) -> None:
    _came.append(number)
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
