"""Hydra's sweeper of every combination, and what it shares with the one by Optuna. (Hydra takes plugins from the
package `hydra_plugins` only.)"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import re
import sys
from collections.abc import Mapping, Sequence
from decimal import DecimalException
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from initlab.config import check_config
from initlab.errors import UserError
from initlab.report import write_report
from initlab.runs.config_file import MANY, PLACES, leaves
from initlab.sweeps.compositions import SharedCompositions
from initlab.sweeps.folder import Job, SweepFolder
from initlab.sweeps.record import NAME
from initlab.sweeps.trusted import SUBDIR, assignment, harmless

NOT_IN_NAMES = "hydra.job.config.override_dirname.exclude_keys"
RUN_DIR = "${hydra:runtime.output_dir}"
MOST_JOBS = 10_000  # of one sweep; each has its folder


class RecordedSweeper(Sweeper):
    """What both have in common: a folder with a record.

    params:  sweep overrides from a config file, as {"init": "kaiming,xavier"}; overrides of the command line win.
    resume:  resume the sweep that is in `hydra.sweep.dir`.
    """

    def __init__(self, params: Mapping[str, Any] | None = None, resume: bool = False) -> None:
        if params is not None and not isinstance(params, Mapping):
            raise UserError(f"hydra.sweeper.params={params}: must be a mapping, such as {{init: 'kaiming,xavier'}}")
        self.params = dict(params or {})
        self.resume = resume

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        if config.hydra.output_subdir is not None:
            raise UserError(
                f"hydra.output_subdir={config.hydra.output_subdir}: must be null; a run writes its own config.yaml"
            )
        with open_dict(config):  # a line a job is the sweep's; run.log has the rest
            log = config.hydra.job_logging.root
            log.handlers = [name for name in log.handlers if name != "console"]
        loader: Any = SharedCompositions(hydra_context.config_loader)
        self.hydra_context = HydraContext(config_loader=loader, callbacks=hydra_context.callbacks)
        self.task_function, self.config = task_function, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context, task_function=task_function, config=config
        )

    @property
    def elsewhere(self) -> bool:
        """Whether the jobs run in other processes."""
        return self.config.hydra.runtime.choices["hydra/launcher"] not in ("basic", "population")

    def _parse(self, arguments: list[str]) -> list[Override]:
        """The overrides, the last of each key."""
        words = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        parsed = list({override.get_key_element(): override for override in parser.parse_overrides(words)}.values())
        same = [f"'{override.key_or_group}'" for override in parsed if not override.is_sweep_override()]
        with open_dict(self.config):  # a job's folder is named by what sets it apart
            self.config.hydra.overrides.hydra.append(f"{NOT_IN_NAMES}=[{','.join(same)}]")
        return parsed

    def _begin(self, axes: Mapping[str, list[str]], jobs: list[Job], monitored: set[tuple[str, str]]) -> SweepFolder:
        """The record of this sweep, on the disk. What is compared is the metric that all jobs monitor, with its mode;
        where they differ, that of the sweep's own config."""
        (monitor, mode), *others = monitored
        if others:
            monitor, mode = self.config.monitor, self.config.mode
        given: Any = OmegaConf.to_container(self.config.hydra.overrides)  # as typed, with its ${...}
        own = ("hydra.mode", "hydra.sweep.dir", "hydra.sweeper.resume", NOT_IN_NAMES)
        about = {
            "command": [sys.argv[0], *sys.argv[1:]],
            "overrides": [word for word in (*given["hydra"], *given["task"]) if word.partition("=")[0] not in own],
            "axes": dict(axes),
            "monitor": monitor,
            "mode": mode,
        }
        sweep = SweepFolder(self._dir)
        sweep.begin(about, jobs)
        return sweep

    @property
    def _dir(self) -> str:
        folder = self.config.hydra.sweep.dir
        if folder in (None, ""):
            raise UserError("hydra.sweep.dir: must be the folder of the sweep, one that is new or empty")
        if "${" in str(folder):
            raise UserError(f"hydra.sweep.dir={folder}: Hydra cannot work in a folder with ${{ in its name")
        return str(folder)

    def _job(self, num: int, overrides: list[str], axes: Sequence[str], checked: bool = True) -> tuple[Job, DictConfig]:
        """The job, with the name of its folder, and its config without what differs between any two jobs.

        Raises:
            UserError: where it is to be `checked`, a value that cannot work, found before anything runs.
        """
        config: Any = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.num = num
        values = dict(word.split("=", 1) for word in overrides)
        job = Job(num, str(OmegaConf.select(config, SUBDIR)), {key: values[key] for key in axes})
        choices = dict(config.hydra.runtime.choices)
        with open_dict(config):
            del config.hydra
        if not checked:
            return job, config
        raw: Any = OmegaConf.to_container(config)
        if raw.get("run_dir") != RUN_DIR:
            raise UserError("run_dir: the runs of a sweep write to folders in its own, hydra.sweep.dir=...")
        config.run_dir = "a_job"
        check_config(config, choices)
        if config.trainer.get("devices", 1) != 1:
            raise UserError(f"trainer.devices={config.trainer.devices}: each job of a sweep uses one device")
        return job, config

    def _launch(self, jobs: Sequence[Job], words: Sequence[list[str]]) -> Sequence[JobReturn]:
        """Run jobs that are numbered one after the other, each in the folder that was recorded for it."""
        in_folders = [[*of_job, assignment(SUBDIR, job.folder)] for job, of_job in zip(jobs, words, strict=True)]
        ended: Sequence[JobReturn] = self.launcher.launch(in_folders, initial_job_idx=jobs[0].num)
        with contextlib.redirect_stderr(io.StringIO()):  # Hydra names the overrides of a job that could not be started
            for how in ended:
                how.return_value  # noqa: B018
        return ended


class GridSweeper(RecordedSweeper):
    """Every combination of the values given, as Hydra's own sweeper orders them."""

    def sweep(self, arguments: list[str]) -> Any:
        parsed = self._parse(arguments)
        values = {override.get_key_element(): grid_values(override) for override in parsed}
        axes = {o.get_key_element(): values[o.get_key_element()] for o in parsed if o.is_sweep_override()}
        count = math.prod(len(of_key) for of_key in values.values())
        if count > MOST_JOBS:
            raise UserError(f"{' '.join(arguments)}: {count} jobs, and a sweep has at most {MOST_JOBS}")
        if self.resume:  # as they were, also where the order was drawn by shuffle(...)
            sweep = SweepFolder.resume(self._dir)
            words = [self._recorded(sweep, job, values) for job in sweep.jobs]
            if not words:
                raise UserError(f"{sweep.path / NAME}: has no job; begin a new sweep")
            for job, of_job in zip(sweep.jobs, words, strict=True):
                self._job(job.num, of_job, list(job.overrides))
        else:
            words = [
                [f"{k}={v}" for k, v in zip(values, one, strict=True)] for one in itertools.product(*values.values())
            ]
            sweep = self._begin(axes, *self._different_jobs(words, list(axes)))
        from initlab.sweeps.running import running  # it brings the terminal, which --help need not wait for

        with running(sweep, len(words), self.elsewhere, write_report):
            return [self._launch(sweep.jobs, words)]

    def _different_jobs(
        self, words: Sequence[list[str]], axes: Sequence[str]
    ) -> tuple[list[Job], set[tuple[str, str]]]:
        """Jobs that all differ, as two runs of one config count as two seeds nowhere, and what they monitor."""
        jobs: list[Job] = []
        monitored: set[tuple[str, str]] = set()
        seen: dict[Any, Job] = {}
        for num, of_job in enumerate(words):
            job, config = self._job(num, of_job, axes)
            if len(words) > 1:
                _check_places(OmegaConf.to_container(config))
            same = seen.setdefault(_frozen(OmegaConf.to_container(config, resolve=True)), job)
            if same is not job:
                raise UserError(f"jobs {same.num} ({same}) and {num} ({job}) are the same run; give each value once")
            jobs.append(job)
            monitored.add((config.monitor, config.mode))
        return jobs, monitored

    def _recorded(self, sweep: SweepFolder, job: Job, values: Mapping[str, list[str]]) -> list[str]:
        """The overrides of a job of the record."""
        for key, value in job.overrides.items():
            if value not in values.get(key, ()) and not harmless(f"{key}={value}"):
                raise UserError(
                    f"{sweep.path / NAME}: job {job.num} has {key}={value}, which is not among {key}'s values"
                )
        if job.num != sweep.jobs.index(job):
            raise UserError(f"{sweep.path / NAME}: the jobs must be numbered 0, 1, 2, ...")
        return [
            f"{key}={value}" for key, value in ({key: v[0] for key, v in values.items()} | dict(job.overrides)).items()
        ]


def grid_values(override: Override) -> list[str]:
    """The values of an override, as they are typed.

    Raises:
        UserError: it has none, or more than a sweep can have.
        HydraException: it is an interval.
    """
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        raise HydraException(f"{override.input_line}: an interval needs hydra/sweeper=optuna")
    value = override.value()
    few = not isinstance(value, RangeSweep) or _about(value) <= MOST_JOBS
    try:
        values = list(itertools.islice(override.sweep_string_iterator(), MOST_JOBS + 1)) if few else []
    except (ValueError, DecimalException, HydraException) as error:
        raise UserError(f"{override.input_line}: {' '.join(str(error).split())}") from None
    if not few or len(values) > MOST_JOBS:
        raise UserError(f"{override.input_line}: must hold at least one value and end within {MOST_JOBS} of them")
    if not values:
        raise UserError(f"{override.input_line}: must hold at least one value, and holds none")
    return [_as_typed(value) for value in values]


def _as_typed(value: str) -> str:
    r"""Hydra writes `${init.sigma}` as `$\{init.sigma\}`, which it reads as the same."""
    return value.replace("\\", "") if re.fullmatch(r"\$\\\{[\w.:\\]+\\\}", value) else value


def _about(value: RangeSweep) -> float:
    """How many numbers a range holds."""
    try:
        count = (float(value.stop or 0) - float(value.start or 0)) / float(value.step)
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return math.inf if math.isnan(count) else count


def _check_places(raw: Any) -> None:
    """Raise UserError where a callback or logger of every job would write to one place."""
    for path, value in leaves({name: raw.get(name) for name in MANY}):
        if path and path[-1] in PLACES and isinstance(value, str) and value and "${" not in value:
            raise UserError(
                f"{'.'.join(path)}={value}: the jobs of a sweep would share it; leave it out, then each has its own"
            )


def _frozen(node: Any) -> Any:
    """Equal and of one hash where the values are equal, as 1 and 1.0 are."""
    if isinstance(node, dict):
        return frozenset((key, _frozen(value)) for key, value in node.items())
    return tuple(map(_frozen, node)) if isinstance(node, list) else node
