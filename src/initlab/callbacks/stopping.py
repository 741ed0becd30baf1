"""Ctrl-C and SIGTERM: the update that runs is finished and saved, then the run ends."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from initlab.callbacks.last_checkpoint import LastCheckpoint, between_updates, is_last_epoch
from initlab.process.signals import came_before

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ANSWER = b"\nstopping after this update; once more ends at once, without saving\n"


class Stopped(SystemExit):
    """The run was stopped by a signal; its exit status is the shell's, 128 + the signal's number: 130 or 143."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


class Stopping(Checkpoint):
    """`with Stopping() as stopping: Trainer(callbacks=[..., stopping]).fit(...)` raises `Stopped` between two updates;
    before the first of them, when there is nothing to save, on the spot.

    The second signal ends the process on the spot, with `kill_at_second`, else it raises `Stopped` there. Only the main
    thread can take signals; in any other, and for the signals of others, nothing changes. A signal that was ignored as
    the program started stays ignored, as Ctrl-C is for a script's background job. A `Checkpoint`, as Lightning calls
    these after all other callbacks.
    """

    def __init__(self, kill_at_second: bool = True) -> None:
        self.kill_at_second = kill_at_second
        self.number: int | None = None  # of the signal that came
        self._before: dict[int, Any] = {}
        self._training = False

    def __enter__(self) -> Stopping:
        self.number = came_before()
        if self.number is not None:
            raise Stopped(self.number)
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            self._before = {number: handler for number, handler in handlers.items() if handler is not None}  # not C's
            self._listen()
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _listen(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before if before == signal.SIG_IGN else self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None and self.kill_at_second:
            os._exit(128 + number)
        before = not self._training or self.number is not None
        self.number = number  # also for the next look, where the exception is lost: in a finaliser
        if before:
            raise Stopped(number)
        os.write(2, ANSWER)  # print could meet a print that the signal has interrupted

    def now(self, trainer: L.Trainer) -> None:
        """Raise if a signal has come."""
        if self._wanted(trainer):
            raise Stopped(self.number or signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._listen()  # Lightning has put a handler of its own in, which ends a run with status 0
        self.now(trainer)
        self._training = True
        self._step = trainer.global_step

    def looks_at(self, step: int) -> bool:
        return False  # up to a stretch later

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        updated, self._step = trainer.global_step != self._step, trainer.global_step
        if updated and between_updates(trainer, batch_idx) and self._wanted(trainer):
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, LastCheckpoint) and callback.saved_at != trainer.global_step:
                    callback.save(trainer)
            raise Stopped(self.number or signal.SIGTERM)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not is_last_epoch(trainer):  # it has been saved by now
            self.now(trainer)

    def _wanted(self, trainer: L.Trainer) -> bool:
        """In any process: they stop together or not at all. A job of a population hears of it from its main thread."""
        self.number = self.number if self.number is not None else came_before()
        wanted = self.number is not None
        if trainer.world_size > 1:
            wanted = trainer.strategy.reduce_boolean_decision(wanted, all=False)
        return wanted
