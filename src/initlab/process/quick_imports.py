"""Imports of what is large."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """Collect no garbage while torch is first imported, and never look through what is there then again.

    The imports of torch and lightning make a million objects that stay, until Python ends.
    """
    if "torch" in sys.modules or not gc.isenabled():  # a later job of a sweep: what the one before left is garbage
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)  # or libraries report what they find left over
