"""Imports of what is large."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """Collect no garbage while modules are imported, and never look through them again.

    The imports of torch and lightning make a million objects that stay, until Python ends.
    """
    atexit.register(gc.unfreeze)  # or libraries report what they find left over
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
