"""What a command makes on the disk before its first update, so that a refused one leaves nothing behind."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
from pathlib import Path

from initlab.latest import latest_of

OWN = {"run.log"}  # Hydra's, next to what a run writes


class Footprint:
    """Of a run that is to write to `folder`: what was there before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.made = [path for path in (self.folder, *self.folder.parents) if not os.path.lexists(path)]
        self.was_empty = self.folder in self.made or _names(self.folder) <= OWN
        self._link = latest_of(self.folder)
        self._latest = _target(self._link)

    def erase(self) -> None:
        """As it was before, for the run that holds the folder; one that held something is left alone."""
        if self._link is not None and _target(self._link) != self._latest:
            with contextlib.suppress(OSError):
                self._link.unlink()
                if self._latest is not None:
                    self._link.symlink_to(self._latest, target_is_directory=True)
        if self.was_empty and self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        self.erase_empty()

    def erase_empty(self) -> None:
        """The folders that it made, where there is no more than Hydra's log in them."""
        if self.was_empty and _names(self.folder) <= OWN:
            for name in OWN:
                (self.folder / name).unlink(missing_ok=True)
        for path in self.made:  # the innermost first
            with contextlib.suppress(OSError):
                path.rmdir()


_NOTED: list[Footprint] = []


def note(folder: str | Path) -> None:
    """Look at the place of a folder that this command is about to make."""
    if not _NOTED:
        atexit.register(_at_exit, os.getpid())
    _NOTED.append(Footprint(Path(folder)))


def erase_empty() -> None:
    """Every folder noted in which nothing was written."""
    while _NOTED:
        _NOTED.pop().erase_empty()


def new_folder(path: str) -> str:
    """`path`, or with _2, _3, ... after it, whichever this process is the first to make.

    Of commands given in the same second each gets a folder of its own.
    """
    for number in itertools.count(1):
        folder = path if number == 1 else f"{path}_{number}"
        note(folder)
        while True:
            Path(folder).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.mkdir(folder)
            except FileExistsError:
                _NOTED.pop()
                break
            except FileNotFoundError:  # another command that was refused has taken the parent away again
                continue
            return folder
    raise AssertionError


def _at_exit(process: int) -> None:
    if os.getpid() == process:  # not in a fork
        erase_empty()


def _names(folder: Path) -> set[str]:
    """Of what is in it; of one that cannot be read, a name that none has."""
    try:
        return set(os.listdir(folder))
    except (OSError, ValueError):
        return {"/"}


def _target(link: Path | None) -> str | None:
    try:
        return os.readlink(link) if link is not None else None
    except OSError:
        return None
