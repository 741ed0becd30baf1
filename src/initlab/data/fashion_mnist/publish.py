"""Put fetched files in place so that neither a kill at any moment nor a twin at work does harm."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".fetch-"
_ABANDONED_AFTER = 24 * 3600.0  # seconds; no download that is still alive is that old


@contextmanager
def staging(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` for one process alone, gone at the end; leftovers of the killed go too."""
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # a twin was quicker
            if time.time() - leftover.stat().st_mtime > _ABANDONED_AFTER:
                shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def publish(files: Iterable[Path], target: Path) -> None:
    """Move verified files into `target`, each whole or not at all, the bytes on the disk before the name.

    The files must lie on the file system of `target`. Twins overwrite each other with equal content.
    """
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(file, target / file.name)
