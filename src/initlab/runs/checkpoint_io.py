"""Checkpoints: written beside their target, read without running code."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from initlab.errors import UserError
from initlab.runs.atomic import whole_file


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, but never half written, and never a pickle that runs code.

    Lightning 2.6 stages a checkpoint in the temp folder and moves it: where that is another file system the move is
    a copy, and a kill in the middle leaves a broken checkpoint under the good name (6 of 14 kills).
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        os.makedirs(os.path.dirname(os.fspath(path)), exist_ok=True)
        content = io.BytesIO()  # in memory first: torch's writer turns a full disk into an error about itself
        torch.save(checkpoint, content)
        with whole_file(os.fspath(path)) as file:
            file.write(content.getbuffer())

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Tensors and plain values only, whatever `weights_only` says."""
        return read_checkpoint(path, map_location)


def read_checkpoint(path: str | os.PathLike[str], map_location: Any = "cpu") -> dict[str, Any]:
    """The content of a checkpoint file.

    Raises:
        UserError: it is missing, cut off, altered, or holds more than tensors and plain values.
    """
    with one_sentence(path):
        content = torch.load(path, map_location=map_location, weights_only=True)
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UserError(f"{path}: not a checkpoint, it has no state_dict")
    return content


@contextmanager
def one_sentence(path: str | os.PathLike[str]) -> Iterator[None]:
    """Around the loading of a checkpoint file, weights-only: `UserError` for whatever is wrong with the file."""
    _check_whole(path)
    try:
        yield
    except pickle.UnpicklingError as error:
        reason = str(error).split("\n\t")[-1].split("\n")[0].removeprefix("WeightsUnpickler error: ")
        raise UserError(
            f"{path}: not loaded, as it holds more than tensors and plain values, which could run code ({reason})"
        ) from None
    except (RuntimeError, EOFError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a checkpoint: {' '.join(str(error).split())[:200]}") from None


def _check_whole(path: str | os.PathLike[str]) -> None:
    """UserError unless the file is there and every record in it has the checksum that it was written with.

    torch.load does not compare them: a flipped bit would be loaded as a weight.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such checkpoint") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error):
        broken = "all of it"
    if broken:
        raise UserError(f"{path}: cut off or altered, its checksums are not those it was written with")
