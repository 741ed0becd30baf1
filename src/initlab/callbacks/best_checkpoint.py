"""The checkpoint of the best epoch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Write `<dirpath>/best.ckpt` whenever `monitor` is better than ever before.

    Lightning's own forgets which was the best when a run resumes in a folder that was moved; this one looks for its
    file where the folder is.
    """

    def __init__(self, dirpath: str | Path, monitor: str, mode: str) -> None:
        super().__init__(dirpath, "best", monitor=monitor, mode=mode, enable_version_counter=False)

    def looks_at(self, step: int) -> bool:
        return False  # only after a validation

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        old, new = str(state_dict["dirpath"]), str(self.dirpath)
        moved = _moved(state_dict, old, new)
        paths = {moved["best_model_path"], moved["kth_best_model_path"], *moved["best_k_models"]} - {""}
        if paths <= {f"{new}/best.ckpt"} and all(map(os.path.isfile, paths)):  # else it is gone, or another's
            super().load_state_dict(moved)


def _moved(value: Any, old: str, new: str) -> Any:
    """Every path in the old folder becomes the same one in the new."""
    if isinstance(value, dict):
        return {_moved(key, old, new): _moved(item, old, new) for key, item in value.items()}
    return new + value[len(old) :] if isinstance(value, str) and value.startswith(old) else value
