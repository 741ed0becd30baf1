"""Hydra's launcher of populations: the jobs of a sweep in one process, as stacks of networks where that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

# within a population; data.seed and the optimizer's values too
MAY_DIFFER = ("seed", "init_seed", "lr", "init", "scheduler", "hydra")


class PopulationLauncher(Launcher):
    """Runs the jobs in this process; those that differ in seeds, initialisation and step sizes alone train as one stack
    of networks."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from initlab.process.quick_imports import quick_imports

        with quick_imports():  # as scripts/train.py, whose first job does it otherwise
            from initlab.population import run_together
        setup_globals()
        configs = configs_of_jobs(self.hydra_context.config_loader, self.config, job_overrides, initial_job_idx)
        works = [partial(job, self.hydra_context, self.task_function, config) for config in configs]
        ended: dict[int, JobReturn] = {}
        for nums in populations(configs):
            ended |= zip(nums, run_together([works[num] for num in nums]), strict=True)
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return [ended[num] for num in range(len(works))]


def configs_of_jobs(
    loader: ConfigLoader, sweep: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[DictConfig]:
    """Of the sweep's jobs, which are numbered from `first` on."""
    configs = []
    for num, overrides in enumerate(job_overrides, start=first):
        config = loader.load_sweep_config(sweep, list(overrides))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = num
        configs.append(config)
    return configs


def populations(configs: Sequence[DictConfig]) -> list[list[int]]:
    """The numbers of the jobs that may be trained together: of those that differ in `MAY_DIFFER` alone."""
    together: dict[str, list[int]] = {}
    for num, config in enumerate(configs):
        plain: Any = OmegaConf.to_container(config)
        plain["data"] = {key: value for key, value in (plain.get("data") or {}).items() if key != "seed"}
        plain["optimizer"] = (plain.get("optimizer") or {}).get("_target_")
        kept = {key: value for key, value in plain.items() if key not in MAY_DIFFER}
        together.setdefault(repr(kept), []).append(num)
    return list(together.values())


def job(hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> JobReturn:
    """Run one, as Hydra does."""
    return run_job(
        hydra_context=hydra_context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
