"""Imports of what is large."""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any


@contextmanager
def quick_imports() -> Iterator[None]:
    """Collect no garbage while torch is first imported, and never look through what is there then again.

    The imports of torch and lightning make a million objects that stay, until Python ends. Ctrl-C and SIGTERM are
    answered after them: an exception in the middle can end the process from within C++, with files left behind, or be
    taken for a module that cannot be imported.
    """
    if "torch" in sys.modules or not gc.isenabled():  # a later job of a sweep: what the one before left is garbage
        yield
        return
    gc.disable()
    try:
        with _signals_wait(), _signal_processing_waits():
            yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)  # or libraries report what they find left over


class _Later(ModuleType):
    """Imported when something of it is asked for."""

    hamming = None  # of `scipy.signal`: torchmetrics looks for this at its import

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of every module by `inspect`
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _signal_processing_waits() -> Iterator[None]:
    """Lightning imports torchmetrics, and that all of `scipy.signal` where SciPy is installed, to add a name for
    one metric of speech: 1.7 of 5.6 CPU seconds of a start. Should it ask for more one day, it gets the real one."""
    name = "scipy.signal"
    if name not in sys.modules and importlib.util.find_spec("gammatone") is None:  # the package of that metric
        sys.modules[name] = later = _Later(name)
        try:
            yield
        finally:
            if sys.modules.get(name) is later:
                del sys.modules[name]
    else:
        yield


@contextmanager
def _signals_wait() -> Iterator[None]:
    """The first signal that comes within is answered at the end, as it would have been."""
    came: list[int] = []

    def take(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, take)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
