"""One job of a sweep: not run when it is done, and recorded when it fails."""

from __future__ import annotations

import copy
import json
import logging
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from initlab.runs.atomic import whole_file

STOPPED = (130, 143)  # exit statuses of Ctrl-C and SIGTERM: these end the sweep


def run_job(
    cfg: DictConfig,
    folder: Path,
    work: Callable[[DictConfig], Any],
    explain: Callable[[BaseException], str | None],
) -> Any:
    """What `work(cfg)` gives, or gave in an earlier part of the sweep; None when the job failed, so that the others go
    on: then `folder` holds failed.json, and its run.log the traceback."""
    same = _same_config(cfg, folder)
    if same and (folder / "summary.json").exists():
        return _score(folder)
    if same and not (folder / "failed.json").exists():
        cfg.resume = str(folder)  # a run that was interrupted goes on from its checkpoint
    else:
        _clear(folder)
    try:
        return work(cfg)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code in STOPPED:
            raise
        sentence = explain(error) or f"{type(error).__name__}: {' '.join(str(error).split())}"
        record_failure(folder, sentence, traceback.format_exc())
        return None
    finally:
        from initlab.sweeps.progress import job_ended

        job_ended()


def record_failure(folder: Path, sentence: str, trace: str = "") -> None:
    """Say in the run's folder why it has no summary."""
    folder.mkdir(parents=True, exist_ok=True)
    log = logging.LogRecord("initlab.sweeps", logging.ERROR, __file__, 0, f"{sentence}\n{trace}".rstrip(), None, None)
    for handler in logging.getLogger().handlers:  # the job's run.log, not the terminal
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder.absolute():
            handler.handle(log)
    with whole_file(folder / "failed.json") as file:
        file.write((json.dumps({"error": sentence, "traceback": trace}, indent=2) + "\n").encode())


def _same_config(cfg: DictConfig, folder: Path) -> bool:
    """Whether the run in `folder` had this very config; `run_dir` and what follows from it may differ, as they do where
    the sweep was moved."""
    try:
        stored = OmegaConf.load(folder / "config.yaml")
        asked = copy.deepcopy(cfg)
        asked.run_dir = stored.run_dir
        return bool(OmegaConf.to_container(asked, resolve=True) == OmegaConf.to_container(stored))
    except (OSError, ValueError, AttributeError):
        return False


def _score(folder: Path) -> float:
    score = json.loads((folder / "summary.json").read_text()).get("score")
    return float("nan") if score is None else float(score)


def _clear(folder: Path) -> None:
    """Make room for a run: what a failed one left, or one with another config, goes."""
    if (folder / "config.yaml").exists() or (folder / "failed.json").exists():
        shutil.rmtree(folder)
        folder.mkdir()
