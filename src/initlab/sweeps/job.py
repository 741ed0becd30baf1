"""One job of a sweep: not run when it is done, and recorded when it fails."""

from __future__ import annotations

import copy
import logging
import os
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from initlab.console import CONSOLE
from initlab.errors import UserError
from initlab.runs import Run, RunDir
from initlab.runs.config_file import read_config
from initlab.runs.locks import hold
from initlab.runs.reader import number
from initlab.sweeps import job_folder
from initlab.sweeps.folder import SweepFolder
from initlab.sweeps.lock import is_held

STOPPED = (130, 143)  # exit statuses of Ctrl-C and SIGTERM: these end the sweep


def run_job(
    cfg: DictConfig,
    folder: Path,
    work: Callable[[DictConfig], Any],
    sentence_for: Callable[[BaseException], str | None],
) -> Any:
    """What `work(cfg)` returns, or returned in an earlier part of the sweep; None when the job failed, so that the
    others continue: then `folder` holds failed.json, and its run.log the traceback. None too for a job that another
    process runs.

    Raises:
        UserError: no sweep's record says that it made `folder`.
    """
    mark = _mark(folder)
    with ExitStack() as held:
        if not _take(folder, mark, held):
            return None
        same = _same_config(cfg, folder)
        done = Run.lenient(folder).summary if same else None
        if done is not None and "score" in done:
            return number(done["score"])
        there = job_folder.others(folder)
        if same and not there & {"failed.json", "summary.json"}:
            cfg.resume = str(folder)  # a run that was interrupted resumes from its checkpoint
        elif there:
            job_folder.set_aside(folder)
            _take(folder, mark, held)
        loud, CONSOLE.quiet = CONSOLE.quiet, True  # a line a job is the sweep's
        try:
            return work(cfg)
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and error.code in STOPPED:
                raise
            sentence = sentence_for(error) or f"{type(error).__name__}: {' '.join(str(error).split())}"
            record_failure(folder, sentence, traceback.format_exc())
            return None
        finally:
            CONSOLE.quiet = loud
            from initlab.sweeps.progress import job_ended

            job_ended()


def record_failure(folder: Path, sentence: str, trace: str = "") -> None:
    """Say in the run's folder why it has no summary."""
    folder.mkdir(parents=True, exist_ok=True)
    log = logging.LogRecord("initlab.sweeps", logging.ERROR, __file__, 0, f"{sentence}\n{trace}".rstrip(), None, None)
    for handler in logging.getLogger().handlers:  # the job's run.log, not the terminal
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder.absolute():
            handler.handle(log)
    RunDir(folder).fail(sentence, trace)


def _mark(folder: Path) -> dict[str, Any]:
    """What the record of the sweep around says of this folder."""
    sweep = SweepFolder.read(folder.parent)
    for job in sweep.jobs:
        if job.folder == folder.name and "id" in sweep.about:
            return sweep.mark(job)
    raise UserError(f"{folder}: the record of the sweep has no job of this folder")


def _take(folder: Path, mark: dict[str, Any], held: ExitStack) -> bool:
    """Make the job's folder this process's until `held` is closed; False: another process runs this job, for a sweep
    whose own process was killed, or by itself with resume=."""
    job_folder.check_own(folder, mark)
    if not (folder / job_folder.NAME).exists():
        job_folder.make(folder, mark)
    try:
        lock = hold(folder / job_folder.NAME)
    except BlockingIOError:
        return False
    if lock is not None:
        held.callback(os.close, lock)
    return not is_held(folder)  # the lock of the run


def _same_config(cfg: DictConfig, folder: Path) -> bool:
    """Whether the run in `folder` had this very config; `run_dir` and what follows from it may differ, as they do where
    the sweep was moved."""
    try:
        stored = read_config(folder)
    except UserError:
        return False
    asked = copy.deepcopy(cfg)
    asked.run_dir = stored["run_dir"]
    return bool(OmegaConf.to_container(asked, resolve=True) == stored)
