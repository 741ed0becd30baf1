"""Hydra's sweepers of this laboratory: every combination, or trials that Optuna chooses. (Hydra takes plugins from the
package `hydra_plugins` only.)"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from initlab.sweeps.folder import Job, SweepFolder

NOT_IN_NAMES = "hydra.job.config.override_dirname.exclude_keys"


class RecordedSweeper(Sweeper):
    """What both have in common: a folder with a record.

    params:  sweep overrides from a config file, as {"init": "kaiming,xavier"}; words of the command line win.
    resume:  go on with the sweep that is in `hydra.sweep.dir`.
    """

    def __init__(self, params: Mapping[str, Any] | None = None, resume: bool = False) -> None:
        self.params = dict(params or {})
        self.resume = resume

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @property
    def elsewhere(self) -> bool:
        """Whether the jobs run in other processes."""
        return bool(self.config.hydra.runtime.choices["hydra/launcher"] != "basic")

    def _parse(self, arguments: list[str]) -> list[Override]:
        """The overrides, the last of each key."""
        words = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        parsed = list({override.get_key_element(): override for override in parser.parse_overrides(words)}.values())
        same = [f"'{override.key_or_group}'" for override in parsed if not override.is_sweep_override()]
        with open_dict(self.config):  # a job's folder is named by what sets it apart
            self.config.hydra.overrides.hydra.append(f"{NOT_IN_NAMES}=[{','.join(same)}]")
        return parsed

    def _begin(self, axes: Mapping[str, list[str]], jobs: list[Job]) -> SweepFolder:
        """The record of this sweep, on the disk."""
        given = self.config.hydra.overrides
        own = ("hydra.mode", "hydra.sweep.dir", "hydra.sweeper.resume", NOT_IN_NAMES)
        sweep = SweepFolder(self.config.hydra.sweep.dir)
        if self.resume:
            return SweepFolder.read(sweep.path)
        about = {
            "command": [sys.argv[0], *sys.argv[1:]],
            "overrides": [word for word in (*given.hydra, *given.task) if word.partition("=")[0] not in own],
            "axes": dict(axes),
            "monitor": self.config.monitor,
            "mode": self.config.mode,
        }
        sweep.begin(about, jobs)
        return sweep

    def _job(self, num: int, overrides: list[str], axes: Mapping[str, list[str]]) -> Job:
        """Compose the config of a job, which finds a wrong word before anything runs, for the name of its folder."""
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.num = num
        values = dict(word.split("=", 1) for word in overrides)
        return Job(num, OmegaConf.select(config, "hydra.sweep.subdir"), {key: values[key] for key in axes})


class GridSweeper(RecordedSweeper):
    """Every combination of the values given, as Hydra's own sweeper orders them."""

    def sweep(self, arguments: list[str]) -> Any:
        values = {}
        axes = {}
        for override in self._parse(arguments):
            key = override.get_key_element()
            if override.is_sweep_override():
                if not override.is_discrete_sweep():
                    raise HydraException(f"{override.input_line}: an interval needs hydra/sweeper=optuna")
                values[key] = axes[key] = list(override.sweep_string_iterator())
            else:
                values[key] = [override.get_value_element_as_str()]
        chosen = [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]
        if self.resume:  # as they were, also where the order was drawn by shuffle(...)
            jobs = SweepFolder.read(self.config.hydra.sweep.dir).jobs
            chosen = [{key: job.overrides.get(key, value) for key, (value, *_) in values.items()} for job in jobs]
        words = [[f"{key}={value}" for key, value in choice.items()] for choice in chosen]
        sweep = self._begin(axes, [self._job(num, job, axes) for num, job in enumerate(words)])
        from initlab.sweeps.running import running  # it brings the terminal, which --help need not wait for

        with running(sweep, total=len(words), elsewhere=self.elsewhere):
            return [self.launcher.launch(words, initial_job_idx=0)]
