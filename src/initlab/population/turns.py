"""Threads of which one runs at a time, until it waits or ends: each job of a population is one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig

from initlab.console import CONSOLE

STOPPED = 143  # exit status


class Turns:
    """`Thread`s that take turns with the thread that made this."""

    def __init__(self) -> None:
        self.back = threading.Semaphore(0)


class Thread:
    """`turn()` lets it run until it calls `wait()` or ends; what it set for the process is there again when its next
    turn comes."""

    def __init__(self, turns: Turns, work: Callable[[], Any]) -> None:
        self._turns, self._work = turns, work
        self._go = threading.Semaphore(0)
        self._set = _settings()
        self._thread: threading.Thread | None = None
        self.ended = False
        self._to_end = False
        self.result: Any = None
        self.error: BaseException | None = None

    def turn(self) -> None:
        before = _settings()
        _put_back(self._set)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="job of a population", daemon=True)
            self._thread.start()
        self._go.release()
        self._turns.back.acquire()
        self._set = _settings()
        _put_back(before)
        if self.ended:
            self._thread.join()
            own_logs = set(self._set[1]) - set(before[1])  # opened again by a line after the next job's start
            for handler in own_logs:
                handler.close()

    def wait(self) -> None:
        """Of this thread itself: until the next turn."""
        self._turns.back.release()
        self._go.acquire()
        if self._to_end:
            raise SystemExit(STOPPED)

    def end(self) -> None:
        """Stop it where it waits, as a signal would."""
        self._to_end = True
        while self._thread is not None and not self.ended:
            self.turn()

    def _run(self) -> None:
        self._go.acquire()
        try:
            self.result = self._work()
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            self._turns.back.release()


def _settings() -> tuple[Any, ...]:
    """Of the process, what differs between two jobs that run: their config for Hydra, their run.log, whether the
    terminal is theirs, and the dtype within a step in double precision."""
    return HydraConfig.instance().cfg, list(logging.getLogger().handlers), CONSOLE.quiet, torch.get_default_dtype()


def _put_back(settings: tuple[Any, ...]) -> None:
    HydraConfig.instance().cfg, logging.getLogger().handlers[:], CONSOLE.quiet, dtype = settings
    torch.set_default_dtype(dtype)
