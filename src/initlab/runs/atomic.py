"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def whole_file(path: str | Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """Open a file to write that takes the name `path` only when it is complete and on the disk.

    The data go to `<path>.<process>.part` in the same folder, are flushed to the disk, then renamed: a reader of
    `path`, also after a kill or a power cut, finds the new content or the old one. On an error nothing is left behind.
    A symbolic link at either name is replaced, what it points to is left alone.

    Args:
        new: raise FileExistsError where there is a file of that name; of several processes one makes it.
    """
    part = Path(f"{path}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)  # of a process with the same number, which was killed
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if new:
            _rename_to_new(part, Path(path))
        else:
            os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_json(path: str | Path, content: Any, indent: int | None = 2) -> None:
    """A whole JSON file; nan and inf, which JSON does not know, are null."""
    with whole_file(path) as file:
        file.write((json.dumps(_finite(content), indent=indent, allow_nan=False) + "\n").encode())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rename_to_new(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(str(path)) from None
        os.replace(part, path)
    else:
        part.unlink()
