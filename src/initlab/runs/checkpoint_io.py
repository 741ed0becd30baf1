"""Checkpoints: written next to their target, read without running code, and only as they were written."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from initlab.errors import UserError
from initlab.runs.atomic import whole_file
from initlab.runs.reading import open_file
from initlab.runs.run_dir import RUN_ID, RunDir
from initlab.runs.zip_records import check_zip

# A checkpoint is a zip archive; its comment, the last bytes of the file, is the SHA-256 of all bytes before.
MARK = b"initlab sha256 "
LENGTH = len(MARK) + 64
EVERYTHING = 2**62  # bytes


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, but never half written, never altered, and never a pickle that runs code.

    Lightning 2.6 stages a checkpoint in the temp folder and moves it: where that is another file system the move is
    a copy, and a kill in the middle leaves a broken checkpoint under the good name (6 of 14 kills). The digest is in
    the file, so that both are there or neither; `torch.load` reads such a file as any.

    Args:
        run: whose they are: each gets its id, and one that another run wrote is not loaded.
    """

    def __init__(self, run: RunDir | None = None) -> None:
        super().__init__()
        self.run = run

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        os.makedirs(os.path.dirname(os.fspath(path)), exist_ok=True)
        if self.run is not None and self.run.id is not None:
            checkpoint = checkpoint | {RUN_ID: self.run.id}
        content = io.BytesIO()  # in memory first: torch's writer turns a full disk into an error about itself
        torch.save(checkpoint, content)
        content.seek(-2, os.SEEK_END)  # where the length of the comment is
        content.write(struct.pack("<H", LENGTH))
        with whole_file(os.fspath(path)) as file:
            file.write(content.getbuffer())
            file.write(MARK + hashlib.sha256(content.getbuffer()).hexdigest().encode())

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Tensors and plain values only, whatever `weights_only` says."""
        return read_checkpoint(path, map_location, self.run)


def read_checkpoint(
    path: str | os.PathLike[str], map_location: Any = "cpu", run: RunDir | None = None
) -> dict[str, Any]:
    """The content of a checkpoint file, of that run.

    Raises:
        UserError: it is missing, cut off, altered, another run's, or holds more than tensors and plain values.
    """
    with sound_file(path) as file:
        return _content(file, path, map_location, run)


def load_model(load: Any, path: Any, run: RunDir | None = None, **more: Any) -> Any:
    """`load(file, **more)`, Lightning's `load_from_checkpoint` of some class, with a file that was found sound.

    Raises:
        UserError: as `read_checkpoint`, or the class cannot be made from what the file holds.
    """
    with sound_file(path) as file:
        content = _content(file, path, "cpu", run)
        if "_instantiator" in content.get("hyper_parameters", {}):
            raise UserError(f"{path}: not loaded, as it names a function that would make the model")
        del content
        file.seek(0)
        try:
            return load(file, **(more | {"weights_only": True}))
        except UserError:
            raise
        except Exception as error:
            what = " ".join(str(error).split())[:300]
            raise UserError(f"{path}: no model of this class can be made of it: {what}") from error


@contextmanager
def sound_file(path: Any) -> Iterator[BinaryIO]:
    """Open a checkpoint, or take an open one, and find that its bytes are those that were written."""
    if hasattr(path, "read"):
        path.seek(0)
        _check_bytes(path, getattr(path, "name", "checkpoint"))
        path.seek(0)
        yield path
        return
    try:
        file = open_file(path, EVERYTHING)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such checkpoint") from None
    with file:
        _check_bytes(file, path)
        file.seek(0)
        yield file


def _check_bytes(file: BinaryIO, path: Any) -> None:
    """UserError unless the digest is right; a file from before there was one must be, record for record, as torch
    writes it. Neither is left to torch: it would load a flipped bit as a weight."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LENGTH))
    tail = file.read()
    if tail.startswith(MARK):
        file.seek(0)
        right = tail[len(MARK) :] == _sha256(file, size - LENGTH).encode()
    else:
        file.seek(0)
        right = check_zip(file)
    if not right:
        raise UserError(f"{path}: cut off or altered, its checksums are not those it was written with")


def _sha256(file: BinaryIO, length: int) -> str:
    digest, chunk = hashlib.sha256(), bytearray(2**20)
    while length > 0:
        view = memoryview(chunk)[: min(length, len(chunk))]
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            return ""
        digest.update(view[:count])
        length -= count
    return digest.hexdigest()


def _content(file: BinaryIO, path: Any, map_location: Any, run: RunDir | None) -> dict[str, Any]:
    try:
        content = torch.load(file, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own sentence advises to load it in the way that runs code
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f" ({named[1]})" if named else ""
        raise UserError(
            f"{path}: not loaded, as it holds more than tensors and plain values, which could run code{what}"
        ) from None
    except Exception:
        raise UserError(f"{path}: not a checkpoint, torch cannot read it") from None
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UserError(f"{path}: not a checkpoint, it has no state_dict")
    if not isinstance(content.get("hyper_parameters", {}), dict):
        raise UserError(f"{path}: not a checkpoint, its hyper_parameters have no names")
    if run is not None:
        run.check_own(content, path)
    return content
