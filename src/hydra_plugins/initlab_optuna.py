"""Hydra's sweeper for trials that Optuna chooses. (Hydra takes plugins from the package `hydra_plugins` only.)

Written on Optuna's ask and tell. Hydra's own plugin needs Optuna 2, counts the trials of a resumed study from 0, leaves
killed ones running for ever, draws the same parameters again, and keeps the trial from the job, so nothing is pruned.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.initlab_sweepers import RecordedSweeper, grid_values
from initlab.checks.rule import check_value, whole
from initlab.errors import UserError
from initlab.report import write_report
from initlab.sweeps.folder import Job, SweepFolder
from initlab.sweeps.trial import run_with_trial
from initlab.sweeps.trusted import harmless

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial


class OptunaSweeper(RecordedSweeper):
    """As many trials as asked for, over all parts of a sweep that was killed; the study is `optuna.db` in its folder.

    A trial is the job of the same number. What it draws is a function of `seed`, its number and the trials before it,
    so a study that was killed resumes as if it had not been.

    Args:
        n_trials: in all.
        n_jobs: asked for and run at once.
        sampler: "tpe" or "random".
        pruner: "median" or None.
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        sampler: str,
        seed: int,
        pruner: str | None,
        params: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        super().__init__(params, resume)
        if find_spec("optuna") is None:
            raise UserError(
                "hydra/sweeper=optuna: needs optuna, which is not installed; "
                "pip install -e '.[optuna]' in the project's folder installs it"
            )
        for key, value, allowed in (("sampler", sampler, ("tpe", "random")), ("pruner", pruner, ("median", None))):
            if value not in allowed:
                raise UserError(f"hydra.sweeper.{key}={value}: must be {allowed[0]} or {allowed[1] or 'null'}")
        for key, count in (("n_trials", n_trials), ("n_jobs", n_jobs)):
            check_value(f"hydra.sweeper.{key}", count, whole(1))
        check_value("hydra.sweeper.seed", seed, whole())
        self.n_trials, self.n_jobs, self.sampler, self.seed, self.pruner = n_trials, n_jobs, sampler, seed, pruner
        self.trials: dict[int, Trial] = {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        with_trial = partial(run_with_trial, self.trials, task_function)
        super().setup(hydra_context=hydra_context, task_function=with_trial, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        parsed = self._parse(arguments)
        chosen = {o.get_key_element(): o for o in parsed if o.is_sweep_override()}
        if not chosen:
            raise UserError(
                "hydra/sweeper=optuna: nothing to choose; give a range, as in "
                "'lr=tag(log, interval(0.01, 1))', or values, as in init=kaiming,xavier"
            )
        space = {key: _distribution(override) for key, override in chosen.items()}
        fixed = [f"{o.get_key_element()}={o.get_value_element_as_str()}" for o in parsed if not o.is_sweep_override()]
        axes = {key: [str(o.input_line).partition("=")[2]] for key, o in chosen.items()}
        monitored = self._one_by_one(fixed, space)
        sweep = SweepFolder.resume(self._dir) if self.resume else self._begin(axes, [], monitored)
        study = self._study(sweep)
        from initlab.sweeps.running import running  # it brings the terminal, which --help need not wait for

        with running(sweep, self.n_trials, self.elsewhere, write_report):
            while numbers := self._next(study, space):
                self._run(study, sweep, numbers, fixed, space)

    def _one_by_one(self, fixed: list[str], space: Mapping[str, BaseDistribution]) -> set[tuple[str, str]]:
        """What trials monitor, by configs with the first value of each key but one, which has each of its own in turn.

        Raises:
            UserError: for a value that cannot work, found before anything runs, and where trials would be compared by
                different metrics. A trial of values that cannot work together only is one that fails.
        """
        values = {key: _values(distribution) for key, distribution in space.items()}
        first = {key: of_key[0] for key, of_key in values.items()}
        monitored = set()
        for key, value in ((key, value) for key, of_key in values.items() for value in of_key):
            words = [f"{k}={v}" for k, v in (first | {key: value}).items()]
            _, config = self._job(0, [*fixed, *words], list(space))
            monitored.add((config.monitor, config.mode))
            if len(monitored) > 1:
                metrics = " and ".join(sorted(f"the {mode} of {monitor}" for monitor, mode in monitored))
                raise UserError(f"{key}={value}: trials are compared by one metric, not by {metrics}")
        return monitored

    def _study(self, sweep: SweepFolder) -> Study:
        import optuna
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        database = str(sweep.path / "optuna.db").replace("%", "%25").replace("?", "%3F")  # a part of an URL
        try:
            return optuna.create_study(
                study_name="sweep",
                storage=f"sqlite:///{database}",
                load_if_exists=True,
                direction="maximize" if sweep.about["mode"] == "max" else "minimize",
                pruner=optuna.pruners.MedianPruner() if self.pruner else optuna.pruners.NopPruner(),
            )
        except (OptunaError, SQLAlchemyError):
            raise UserError(f"{sweep.path}/optuna.db: cannot be read as a study; begin a new sweep") from None

    def _next(self, study: Study, space: dict[str, BaseDistribution]) -> list[int]:
        """The numbers of the trials to run now: those that a kill left running, else new ones."""
        from optuna.trial import TrialState

        counted = 0
        left: list[int] = []
        for trial in study.get_trials(deepcopy=False):
            whole = trial.params.keys() == space.keys()
            if trial.state == TrialState.RUNNING and not whole:  # killed while it drew its parameters
                study.tell(trial.number, state=TrialState.FAIL)
            elif trial.state == TrialState.RUNNING:
                left.append(trial.number)
            counted += whole
        if left:
            return left
        for _ in range(min(self.n_jobs, self.n_trials - counted)):
            study.sampler = self._sampler(len(study.get_trials(deepcopy=False)))
            trial = study.ask(space)
            self.trials[trial.number] = trial
            left.append(trial.number)
        return left

    def _sampler(self, number: int) -> BaseSampler:
        """One that draws trial `number`: from a generator of its own."""
        from numpy.random import SeedSequence
        from optuna.samplers import RandomSampler, TPESampler

        seed = int(SeedSequence([self.seed, number]).generate_state(1)[0])
        return TPESampler(seed=seed) if self.sampler == "tpe" else RandomSampler(seed=seed)

    def _run(
        self,
        study: Study,
        sweep: SweepFolder,
        numbers: list[int],
        fixed: list[str],
        space: Mapping[str, BaseDistribution],
    ) -> None:
        params = {trial.number: trial.params for trial in study.get_trials(deepcopy=False)}
        words = {number: [*fixed, *(f"{key}={value}" for key, value in params[number].items())] for number in numbers}
        for number in numbers:
            for key, value in params[number].items():
                choices = getattr(space[key], "choices", ())
                if isinstance(value, str) and value not in choices and not harmless(f"{key}={value}"):
                    raise UserError(f"{sweep.path}/optuna.db: a trial has {key}={value}, which is not among the values")
        recorded = {job.num: job for job in sweep.jobs}
        jobs = {
            number: recorded.get(number) or self._job(number, words[number], list(space), checked=False)[0]
            for number in numbers
        }
        sweep.add(*jobs.values())
        for _, group in itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
            following = [number for _, number in group]  # a launcher numbers its jobs one after the other
            ended = self._launch([jobs[number] for number in following], [words[number] for number in following])
            for number, how in zip(following, ended, strict=True):
                self._tell(study, jobs[number], how, sweep)
        self.trials.clear()

    def _tell(self, study: Study, job: Job, how: JobReturn, sweep: SweepFolder) -> None:
        """A run that diverged counts as pruned: the sampler learns from those, not from failed ones."""
        from optuna.trial import TrialState

        if how.return_value is None:
            study.tell(job.num, state=TrialState.FAIL)
        elif (sweep.path / job.folder / "pruned.json").exists() or math.isnan(how.return_value):
            study.tell(job.num, state=TrialState.PRUNED)
        else:
            study.tell(job.num, how.return_value)


def _distribution(override: Override) -> BaseDistribution:
    """`interval(0.1, 1)`, `tag(log, interval(...))`, `int(interval(1, 5))`, `range(1, 5)`, `a,b`."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    if isinstance(value, IntervalSweep):
        width = float(value.end or 0) - float(value.start or 0)
        if not abs(width) < 2**53 or not math.isfinite(width):
            raise UserError(f"{override.input_line}: an interval must have finite ends, less than 2**53 apart")
    else:
        values = grid_values(override)
        twice = next((text for number, text in enumerate(values) if text in values[:number]), None)
        if twice is not None:
            raise UserError(f"{override.input_line}: {twice} is there twice; give each value once")
    try:
        if isinstance(value, IntervalSweep):
            assert value.start is not None
            assert value.end is not None
            log = "log" in value.tags
            if isinstance(value.start, int) and isinstance(value.end, int):
                return IntDistribution(value.start, value.end, log=log)
            return FloatDistribution(float(value.start), float(value.end), log=log)
        if isinstance(value, RangeSweep) and all(isinstance(v, int) for v in value.range()):
            values = list(value.range())
            return IntDistribution(values[0], values[-1], step=int(value.step), log="log" in value.tags)
        return CategoricalDistribution(grid_values(override))
    except (ValueError, IndexError) as error:
        raise UserError(f"{override.input_line}: not a range to choose from ({error})") from None


def _values(distribution: BaseDistribution) -> Sequence[Any]:
    """Each choice, both ends of whole numbers; of others the lower end, as the upper one is never drawn."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    return (distribution.low, distribution.high) if isinstance(distribution, IntDistribution) else (distribution.low,)
