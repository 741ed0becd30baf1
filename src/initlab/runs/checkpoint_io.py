"""Checkpoints written beside their target."""

from __future__ import annotations

import io
import os
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from initlab.runs.atomic import whole_file


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, but never half written.

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
