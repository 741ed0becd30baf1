"""The config of a run from overrides."""

from __future__ import annotations

from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig

from initlab.checks.rules import check
from initlab.config import check_config
from initlab.error_sentence import as_user_error
from initlab.errors import UserError
from initlab.runs.resume import resumed
from initlab.shipped import CONFIGS


def compose(*overrides: str, run_dir: str | Path | None = None) -> DictConfig:
    """The config that `python scripts/train.py` with these overrides would make, for a notebook: `train(compose(...))`.

    `run_dir` is the folder to write to. With `resume=latest` or a folder among the overrides it is the run's own
    config, and the folder is the run's.

    Raises:
        UserError: with the sentence that the command line answers with.
    """
    for word in overrides:
        if not isinstance(word, str):
            example = "compose('model=mlp', run_dir='outputs/mine')"
            raise UserError(f"{word!r}: compose takes texts, each an override, as in {example}")
    with as_user_error(overrides):
        name, words = resumed(overrides, "train")
        if name == "train":
            if run_dir is None:
                raise UserError("run_dir=None: name the folder that the run writes to")
            check("run_dir", str(run_dir))
        words = [word for word in words if not word.startswith("hydra.")]
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            cfg = hydra_compose(name, overrides=[*words, "run_dir=${resume}"])
        if name == "train":
            cfg.run_dir = str(run_dir)  # no override, which would have to be written in Hydra's grammar
        check_config(cfg)
        return cfg
