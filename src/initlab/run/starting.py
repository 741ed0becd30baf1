"""A run before its first update: what fails there fails by its config, and leaves nothing."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import lightning as L
from omegaconf import DictConfig

from initlab.blame import blame
from initlab.callbacks.stopping import Stopped
from initlab.errors import UserError
from initlab.footprint import Footprint


class Starting:
    """`with Starting(cfg) as start:` turns an error into a `UserError` that names the key of the config whose object
    failed, and takes away what the run had written.

    An error that passes through code of the user's stays as it is, with its traceback. So does every error from the
    first update on, which `trains` lets it see.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self.cfg = cfg
        self._trainer: L.Trainer | None = None
        self._step = 0  # that the run begins at
        self._writes = self._trained = False
        self._footprint = Footprint(Path(cfg.run_dir))

    def trains(self, trainer: L.Trainer, from_step: int) -> None:
        """From now on this trainer may make updates."""
        self._trainer, self._step = trainer, from_step

    def writes(self) -> None:
        """The folder is this run's, and new."""
        self._writes = True

    def has_trained(self) -> None:
        self._trained = True

    @property
    def over(self) -> bool:
        return self._trained or (self._trainer is not None and self._trainer.global_step > self._step)

    def __enter__(self) -> Starting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self.over:
            return
        sentence = blame(error, self.cfg) if isinstance(error, Exception) else None
        if self._writes and (sentence is not None or isinstance(error, Stopped)):
            self._footprint.erase()
        if sentence is not None and not isinstance(error, UserError):
            raise UserError(sentence) from error
