"""The start of a command by Hydra, its config composed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import TaskFunction
from omegaconf import DictConfig

from initlab.shipped import CONFIGS

SWEEP = {"-m", "--multirun"}


def start(config_name: str, job: TaskFunction, words: Sequence[str]) -> None:
    """Hand the words to Hydra; `sys.argv` holds them too.

    `hydra.main` composes a config twice, 0.1 s each: the first time to see whether its `hydra.mode` asks for a sweep.
    Here the words say that, and what it does then is called directly; for all other flags, and for a mode that words or
    a file set, it is called itself. (`GlobalHydra.hydra` and its `run` are not documented; without them `hydra.main`
    does it all.)
    """
    began = False

    def noted(cfg: DictConfig) -> Any:
        nonlocal began
        began = True
        return job(cfg)

    flags = {word for word in words if word.startswith("-")}
    if flags <= SWEEP and not any("hydra.mode" in word for word in words):
        overrides = [word for word in words if word not in flags]
        with initialize_config_dir(str(CONFIGS), job_name="initlab", version_base="1.3"):
            ours = GlobalHydra.instance().hydra
            assert ours is not None
            if flags:
                ours.multirun(config_name, job, [*overrides, "hydra.mode=MULTIRUN"])
                return
            try:
                ours.run(config_name, noted, overrides)
                return
            except AssertionError:  # Hydra's: the mode of a file is not that of a run
                if began:
                    raise
    hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(job)()
