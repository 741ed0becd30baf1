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
    """`with Starting(cfg) as start: ...; start.over = trainer.global_step > 0` turns an error into a `UserError` that
    names the key of the config whose object failed, and takes away what the run had written.

    An error that passes through code of the user's stays as it is, with its traceback. So does every error from the
    first update on.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self.cfg = cfg
        self.trainer: L.Trainer | None = None
        self.step = 0  # that the run begins at
        self.taken = False  # whether the folder is this run's, and new
        self.fitted = False
        self._footprint = Footprint(Path(cfg.run_dir))

    @property
    def over(self) -> bool:
        return self.fitted or (self.trainer is not None and self.trainer.global_step > self.step)

    def __enter__(self) -> Starting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self.over:
            return
        sentence = blame(error, self.cfg) if isinstance(error, Exception) else None
        if self.taken and (sentence is not None or isinstance(error, Stopped)):
            self._footprint.erase()
        if sentence is not None and not isinstance(error, UserError):
            raise UserError(sentence) from error
