"""The config of a run from overrides."""

from __future__ import annotations

from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig

from initlab.config import check_config
from initlab.errors import UserError
from initlab.runs.resume import resumed
from initlab.shipped import CONFIGS


def compose(*overrides: str, run_dir: str | Path | None = None) -> DictConfig:
    """The config that `python scripts/train.py` with these overrides would make, for a notebook: `train(compose(...))`.

    `run_dir` is the folder to write to. With `resume=latest` or a folder among the overrides it is the run's own
    config, and the folder is the run's.
    """
    name, words = resumed(overrides, "train")
    if name == "train" and run_dir is None:
        raise UserError("run_dir=None: name the folder that the run writes to")
    words = [word for word in words if not word.startswith("hydra.")]
    folder = "${resume}" if name != "train" else f"'{run_dir}'"
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = hydra_compose(name, overrides=[*words, f"run_dir={folder}"])
    check_config(cfg)
    return cfg
