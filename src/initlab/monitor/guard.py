"""What goes wrong inside the monitor stays there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from initlab.console import CONSOLE
from initlab.errors import UserError, reason


class Guard:
    """Catches what fails while a network is watched, prints it once, and lets the training continue.

    `with guard("writing signal.csv", then):` prints "monitor  writing signal.csv failed (...)" and calls `then`, where
    something is to be put right. A `UserError`, by which the monitor ends a run on purpose, an interrupt and an exit
    pass.

    Args:
        prints: False in all processes of a run but the first.
    """

    def __init__(self, prints: bool = True) -> None:
        self._prints = prints
        self._printed: set[str] = set()

    @contextmanager
    def __call__(self, what: str, then: Callable[[], None] | None = None) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and type(error) is not SystemExit:
                raise  # of a signal
            self.note(f"{what} failed ({reason(error)}); the training continues without it")
            if then is not None:
                then()

    def note(self, text: str) -> None:
        """Print a line about the monitor, the same one once only; where nothing can be printed, nothing."""
        if self._prints and text not in self._printed:
            self._printed.add(text)
            try:
                CONSOLE.print(f"monitor  {text}", highlight=False, soft_wrap=True)
            except Exception:
                return
            except SystemExit as error:  # rich ends a process whose output has no reader left
                if type(error) is not SystemExit:
                    raise
