"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to write that takes the name `path` only when it is complete and on the disk.

    The data go to `<path>.part` in the same folder, are flushed to the disk, then renamed: whoever reads `path`,
    also after a kill or a power cut, finds the new content or the old one. On an error nothing is left behind.
    """
    part = f"{path}.part"
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
