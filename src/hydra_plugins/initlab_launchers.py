"""Hydra's launchers of this laboratory: jobs side by side, by joblib on this machine, by Ray or Slurm on several.

(Hydra takes plugins from the package `hydra_plugins` only. Its own plugins for these engines give every job all cores,
end the sweep with the first process that dies, start all local jobs of submitit at once, and install a cloud's
libraries along with Ray.)
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.initlab_population import configs_of_jobs, job, populations
from initlab.checks.rule import Rule, check_value, choice, number, optional, whole
from initlab.errors import UserError
from initlab.sweeps.job import record_failure
from initlab.sweeps.lock import end_with_holder, is_held

Task = Callable[[], list[JobReturn]]  # of the jobs that a process runs in one go
MANY = Rule(lambda v: whole(1).allows(v) and v <= 1024, "a whole number from 1 to 1024")
ADDRESS = Rule(lambda v: isinstance(v, str) and v != "", "the address of a running cluster, or auto")


class ParallelLauncher(Launcher):
    """Runs the jobs of a sweep in processes of their own.

    Each gets `threads` CPU threads unless the config sets `threads`; it is written into the job's config, as other
    counts round differently. A job that takes its process down is recorded like any that fails.

    population: at most so many jobs in a process at a time, whose networks train together as `PopulationLauncher`'s.
    """

    package: ClassVar[str]  # what must be installed
    extra: ClassVar[str]
    here = True  # the processes are this machine's, and end with this one

    def __init__(self, threads: int, population: int | None = None) -> None:
        check_value("hydra.launcher.population", population, optional(MANY, "each job by itself"))
        self.threads, self.population = threads, population
        if find_spec(self.package) is None:
            raise UserError(
                f"hydra/launcher={self.extra}: needs {self.package}, which is not installed; "
                f"pip install -e '.[{self.extra}]' in the project's folder installs it"
            )

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        setup_globals()
        configs = configs_of_jobs(self.hydra_context.config_loader, self.config, job_overrides, initial_job_idx)
        for config in configs:
            if config.threads is None:
                config.threads = self.threads
        sweep = Path(os.path.abspath(self.config.hydra.sweep.dir))
        held = sweep if self.here and is_held(sweep) else None  # by the sweeper
        units = [[num] for num in range(len(configs))] if self.population is None else self._units(configs)
        tasks: list[Task] = [
            partial(
                _run,
                self.hydra_context,
                self.task_function,
                [configs[num] for num in unit],
                Singleton.get_state(),
                held,
            )
            for unit in units
        ]
        ended: dict[int, JobReturn] = {}
        for unit, how in zip(units, self.run(tasks), strict=True):
            if isinstance(how, Exception):
                for folder in (sweep / configs[num].hydra.sweep.subdir for num in unit):
                    if not (folder / "summary.json").exists():  # it had ended before
                        record_failure(
                            folder, "the job's process died: killed by a signal, or for want of memory", str(how)
                        )
                how = [JobReturn(_return_value=None, status=JobStatus.COMPLETED)] * len(unit)
            ended |= zip(unit, how, strict=True)
        return [ended[num] for num in range(len(configs))]

    def _units(self, configs: Sequence[DictConfig]) -> list[list[int]]:
        """At most `population` jobs each that may train together."""
        most = self.population or 1
        return [nums[i : i + most] for nums in populations(configs) for i in range(0, len(nums), most)]

    def run(self, tasks: list[Task]) -> list[list[JobReturn] | Exception]:
        """Run them all; an exception in place of what a task gives says that its process died."""
        raise NotImplementedError


def _run(
    hydra_context: HydraContext,
    task_function: TaskFunction,
    configs: Sequence[DictConfig],
    singletons: dict[Any, Any],
    held: Path | None,
) -> list[JobReturn]:
    """In the jobs' process: what Hydra's own launcher does, without a word in the terminal, which others share.

    held: the folder that the sweep's process holds, when this one is to end with it.
    """
    from initlab.console import CONSOLE

    if held:
        end_with_holder(held)
    CONSOLE.quiet = True
    setup_globals()
    Singleton.set_state(singletons)
    HydraConfig.instance().set_config(configs[0])
    works = [partial(job, hydra_context, task_function, config) for config in configs]
    if len(works) == 1:
        return [works[0]()]
    from initlab.population import run_together

    return run_together(works)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _numbered(number: int, task: Task) -> tuple[int, list[JobReturn]]:
    return number, task()


class JoblibLauncher(ParallelLauncher):
    """Processes on this machine, which are used again: n_jobs imports of torch, not one a job.

    n_jobs:  how many at once; None: as many as cores.
    """

    package = extra = "joblib"

    def __init__(self, n_jobs: int | None = None, population: int | None = None) -> None:
        check_value("hydra.launcher.n_jobs", n_jobs, optional(MANY, "as many as cores"))
        self.n_jobs = n_jobs or _cores()
        super().__init__(max(1, _cores() // self.n_jobs), population)

    def run(self, tasks: list[Task]) -> list[list[JobReturn] | Exception]:
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        def in_pool(numbers: list[int]) -> None:
            """A process that dies takes the pool and all that runs in it down."""
            # joblib's pool of one is this very process, which a job must not take down
            processes = max(2, min(self.n_jobs, len(numbers))) if self.n_jobs > 1 else 1
            pool = Parallel(processes, backend="loky", batch_size=1, return_as="generator_unordered")
            for number, how in pool(delayed(_numbered)(number, tasks[number]) for number in numbers):
                ended[number] = how

        ended: dict[int, list[JobReturn] | Exception] = {}
        try:
            in_pool(list(range(len(tasks))))
        except TerminatedWorkerError:
            for number in sorted(set(range(len(tasks))) - ended.keys()):  # alone, so that the culprit is known
                try:
                    in_pool([number])
                except TerminatedWorkerError as died:
                    ended[number] = died
        return [ended[number] for number in range(len(tasks))]


class RayLauncher(ParallelLauncher):
    """A Ray cluster, or Ray on this machine.

    address:  of a running cluster ("auto" finds it); None: start Ray here.
    num_cpus, num_gpus:  what a job takes.
    """

    package = extra = "ray"

    def __init__(
        self, address: str | None = None, num_cpus: int = 1, num_gpus: float = 0, population: int | None = None
    ) -> None:
        check_value("hydra.launcher.num_cpus", num_cpus, MANY)
        if address is None and num_cpus > _cores():  # else it waits for ever
            raise UserError(f"hydra.launcher.num_cpus={num_cpus}: this machine has {_cores()}")
        check_value("hydra.launcher.num_gpus", num_gpus, number(0, words="a number of at least 0"))
        check_value("hydra.launcher.address", address, optional(ADDRESS, "Ray starts here"))
        super().__init__(num_cpus, population)
        self.here = address is None
        self.address, self.resources = address, {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_retries": 0}

    def run(self, tasks: list[Task]) -> list[list[JobReturn] | Exception]:
        import ray

        here = {} if self.address else {"include_dashboard": False}
        at_sigterm = signal.getsignal(signal.SIGTERM)
        ray.init(self.address, log_to_driver=False, logging_level="ERROR", **here)
        try:
            signal.signal(signal.SIGTERM, at_sigterm)  # Ray took it, to end with status 1
            gpus = ray.cluster_resources().get("GPU", 0)
            if self.here and self.resources["num_gpus"] > gpus:  # else it waits for ever
                raise UserError(f"hydra.launcher.num_gpus={self.resources['num_gpus']}: this machine has {gpus:.0f}")
            run = ray.remote(**self.resources)(lambda task: task())
            return [_outcome(partial(ray.get, ended)) for ended in [run.remote(task) for task in tasks]]
        finally:
            ray.shutdown()


class SubmititLauncher(ParallelLauncher):
    """Slurm, by submitit; or processes on this machine, for trying out the same without a cluster.

    cluster:  "slurm" or "local".
    at_once:  how many jobs at most.
    parameters:  of `submitit.AutoExecutor.update_parameters`, as slurm_partition, mem_gb.
    """

    package, extra = "submitit", "slurm"

    def __init__(
        self,
        cluster: str,
        at_once: int,
        cpus_per_task: int,
        timeout_min: int,
        parameters: Mapping[str, Any],
        population: int | None = None,
    ) -> None:
        check_value("hydra.launcher.cluster", cluster, choice("slurm", "local"))
        for key, value in (("at_once", at_once), ("cpus_per_task", cpus_per_task), ("timeout_min", timeout_min)):
            check_value(f"hydra.launcher.{key}", value, MANY if key != "timeout_min" else whole(1))
        check_value("hydra.launcher.parameters", parameters, Rule(lambda v: isinstance(v, Mapping), "a mapping"))
        super().__init__(cpus_per_task, population)
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise UserError(
                "hydra/launcher=slurm: needs a machine that hands jobs to Slurm (there is no sbatch here); "
                "hydra/launcher=slurm_local tries out the same on this machine"
            )
        self.here = cluster == "local"
        self.cluster, self.at_once = cluster, at_once
        self.parameters = dict(parameters) | {"cpus_per_task": cpus_per_task, "timeout_min": timeout_min}
        if cluster == "slurm":
            self.parameters["slurm_array_parallelism"] = at_once

    def run(self, tasks: list[Task]) -> list[list[JobReturn] | Exception]:
        import submitit

        executor = submitit.AutoExecutor(folder=Path(self.config.hydra.sweep.dir) / "submitit", cluster=self.cluster)
        try:
            executor.update_parameters(name="initlab", **self.parameters)
        except (TypeError, NameError, ValueError, AssertionError) as error:  # submitit's, for what it does not know
            raise UserError(f"hydra.launcher.parameters={self.parameters}: {' '.join(str(error).split())}") from None
        jobs: list[submitit.Job[list[JobReturn]]] = []
        with nullcontext() if self.here else _cancelled_if_stopped(jobs):
            if self.cluster == "slurm":
                with executor.batch():  # one job array, which Slurm itself keeps to `at_once`
                    jobs += [executor.submit(task) for task in tasks]
            else:
                for task in tasks:
                    while sum(not job.done() for job in jobs) >= self.at_once:
                        time.sleep(0.2)
                    jobs.append(executor.submit(task))
            return [_outcome(job.result) for job in jobs]


@contextmanager
def _cancelled_if_stopped(jobs: list[Any]) -> Iterator[None]:
    """Those on a cluster; local ones end with this process."""
    try:
        yield
    except BaseException:
        for job in jobs:
            if not job.done():
                job.cancel()
        raise


def _outcome(result: Callable[[], list[JobReturn]]) -> list[JobReturn] | Exception:
    try:
        return result()
    except Exception as died:
        return died
