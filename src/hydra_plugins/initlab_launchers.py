"""Hydra's launchers of this laboratory: jobs side by side, by joblib on this machine, by Ray or Slurm on several.

(Hydra takes plugins from the package `hydra_plugins` only. Its own plugins for these engines give every job all cores,
end the sweep with the first process that dies, start all local jobs of submitit at once, and install a cloud's
libraries along with Ray.)
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from initlab.errors import UserError
from initlab.sweeps.job import record_failure

Task = Callable[[], JobReturn]


class ParallelLauncher(Launcher):
    """Runs the jobs of a sweep in processes of their own.

    Each gets `threads` CPU threads unless the config sets `threads`; it is written into the job's config, as other
    counts round differently. A job that takes its process down is recorded like any that fails.
    """

    package: ClassVar[str]  # what must be installed
    extra: ClassVar[str]

    def __init__(self, threads: int) -> None:
        self.threads = threads
        if find_spec(self.package) is None:
            raise UserError(
                f"hydra/launcher={self.extra}: needs {self.package}, which is not installed; "
                f"pip install -e '.[{self.extra}]' in the project's folder installs it"
            )

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        setup_globals()
        tasks: list[Task] = []
        folders: list[Path] = []
        for num, overrides in enumerate(job_overrides, start=initial_job_idx):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = num
                log = config.hydra.job_logging.root
                log.handlers = [name for name in log.handlers if name != "console"]  # the terminal is everybody's
            if config.threads is None:
                config.threads = self.threads
            folders.append(Path(config.hydra.sweep.dir) / config.hydra.sweep.subdir)
            tasks.append(partial(_run, self.hydra_context, self.task_function, config, Singleton.get_state()))
        ended = self.run(tasks)
        for num, (how, folder) in enumerate(zip(ended, folders, strict=True)):
            if isinstance(how, Exception):
                record_failure(folder, "the job's process died: killed by a signal, or for want of memory", str(how))
                ended[num] = JobReturn(_return_value=None, status=JobStatus.COMPLETED)
        return ended

    def run(self, tasks: list[Task]) -> list[JobReturn | Exception]:
        """Run them all; an exception in place of what a task gives says that its process died."""
        raise NotImplementedError


def _run(
    hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig, singletons: dict[Any, Any]
) -> JobReturn:
    """In the job's process: what Hydra's own launcher does, without a word in the terminal, which others share."""
    from initlab.console import CONSOLE

    CONSOLE.quiet = True
    setup_globals()
    Singleton.set_state(singletons)
    HydraConfig.instance().set_config(config)
    return run_job(
        hydra_context=hydra_context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def _numbered(number: int, task: Task) -> tuple[int, JobReturn]:
    return number, task()


class JoblibLauncher(ParallelLauncher):
    """Processes on this machine, which are used again: n_jobs imports of torch, not one a job.

    n_jobs:  how many at once; None: as many as cores.
    """

    package = extra = "joblib"

    def __init__(self, n_jobs: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.n_jobs = n_jobs or cores
        super().__init__(threads=max(1, cores // self.n_jobs))

    def run(self, tasks: list[Task]) -> list[JobReturn | Exception]:
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        def in_pool(numbers: list[int]) -> None:
            """A process that dies takes the pool and all that runs in it down."""
            pool = Parallel(self.n_jobs, backend="loky", batch_size=1, return_as="generator_unordered")
            for number, how in pool(delayed(_numbered)(number, tasks[number]) for number in numbers):
                ended[number] = how

        ended: dict[int, JobReturn | Exception] = {}
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

    def __init__(self, address: str | None = None, num_cpus: int = 1, num_gpus: float = 0) -> None:
        super().__init__(threads=num_cpus)
        self.address, self.resources = address, {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_retries": 0}

    def run(self, tasks: list[Task]) -> list[JobReturn | Exception]:
        import ray

        here = {} if self.address else {"include_dashboard": False}
        at_sigterm = signal.getsignal(signal.SIGTERM)
        ray.init(self.address, log_to_driver=False, logging_level="ERROR", **here)
        try:
            signal.signal(signal.SIGTERM, at_sigterm)  # Ray took it, to end with status 1
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
        self, cluster: str, at_once: int, cpus_per_task: int, timeout_min: int, parameters: Mapping[str, Any]
    ) -> None:
        super().__init__(threads=cpus_per_task)
        self.cluster, self.at_once = cluster, at_once
        self.parameters = dict(parameters) | {"cpus_per_task": cpus_per_task, "timeout_min": timeout_min}
        if cluster == "slurm":
            self.parameters["slurm_array_parallelism"] = at_once

    def run(self, tasks: list[Task]) -> list[JobReturn | Exception]:
        import submitit

        executor = submitit.AutoExecutor(folder=Path(self.config.hydra.sweep.dir) / "submitit", cluster=self.cluster)
        executor.update_parameters(name="initlab", **self.parameters)
        jobs: list[submitit.Job[JobReturn]] = []
        with _cancelled_if_stopped(jobs):
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
    try:
        yield
    except BaseException:
        until = time.monotonic() + 2  # Ctrl-C reaches local jobs too; a second signal would break off their clearing up
        while time.monotonic() < until and not all(job.done() for job in jobs):
            time.sleep(0.1)
        for job in jobs:
            if not job.done():
                job.cancel()
        raise


def _outcome(result: Callable[[], JobReturn]) -> JobReturn | Exception:
    try:
        return result()
    except Exception as died:
        return died
