"""Hydra's entry point with the house's manners: one clear line for a wrong word, a traceback for our own mistakes."""

from __future__ import annotations

import difflib
import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from initlab.config import CONFIGS, check_config, known_keys
from initlab.errors import UserError
from initlab.rules import did_you_mean


def main(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorate the function that does the work; it gets a config that has been checked.

    HYDRA_FULL_ERROR=1 shows the traceback of user errors too.
    """

    def decorate(work: Callable[[DictConfig], Any]) -> Callable[[], None]:
        full_error = os.environ.get("HYDRA_FULL_ERROR") == "1"

        def job(cfg: DictConfig) -> Any:
            hydra_cfg = HydraConfig.get()
            try:
                check_config(cfg, choices=dict(hydra_cfg.runtime.choices))
                return work(cfg)
            except Exception as error:
                _discard(Path(hydra_cfg.runtime.output_dir))
                if hydra_cfg.mode == RunMode.RUN and not full_error:
                    _answer(error)  # here, before Hydra adds a line of its own; the jobs of a sweep go on
                raise

        def run() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints its own page and exits before we see the error
            try:
                hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(job)()
            except Exception as error:
                if not full_error:
                    _answer(error)
                raise

        return run

    return decorate


def explain(error: BaseException) -> str | None:
    """One sentence for an error that the person at the keyboard can mend; None for a mistake of ours."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        return explain(error.__cause__)
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MissingConfigException):  # an OSError too
        return _no_such_option(error)
    if isinstance(error, OSError):
        return _disk_trouble(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as key=value; quote what has spaces, commas or brackets of its own"
    if isinstance(error, ConfigCompositionException):
        return _no_such_key(error)
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return " ".join(str(error).split())
    return None


def _no_such_option(error: MissingConfigException) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    if not group:
        return " ".join(str(error).split())
    options = list(error.options or [])
    return f"{group}={option}: no such {group}{did_you_mean(option, options)} ({', '.join(options)})"


def _no_such_key(error: ConfigCompositionException) -> str:
    found = re.search(r"Could not (?:override|append to config\. .*?|delete) '([^']+)'", str(error))
    if not found:
        cause = f": {error.__cause__}" if error.__cause__ else ""
        return " ".join(f"{error}{cause}".split())
    typed = found.group(1)
    groups = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())
    keys = [*groups, *known_keys()]
    same_name = [key for key in keys if key.rsplit(".", 1)[-1] == typed.rsplit(".", 1)[-1]]
    near = same_name or difflib.get_close_matches(typed, keys, n=1, cutoff=0.6)
    hint = f"; did you mean {' or '.join(near[:3])}?" if near else ""
    group = typed.split(".")[0]
    siblings = [key for key in keys if key.startswith(f"{group}.")] if "." in typed else groups
    shown = f" ({', '.join(siblings)})" if siblings else ""
    return f"{typed}: no such key{hint}{shown}"


def _disk_trouble(error: OSError) -> str | None:
    """The run's folder cannot be made or written, or the disk is full."""
    where = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "no space left" in str(error).lower():
        return (
            f"{where}{reason}: the run stopped, what it had written before is whole; "
            "free some space, or choose a folder on another disk with hydra.run.dir=..."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.ENAMETOOLONG):
        return f"{where}{reason}; a run writes to the folder hydra.run.dir=..., which must be one that can be written"
    return None


def _discard(folder: Path) -> None:
    """Take away the folder that Hydra made for a run that never began; one with anything in it stays."""
    try:
        folder.rmdir()
    except OSError:
        return


def _answer(error: Exception) -> None:
    """Say the one sentence and leave with exit status 2, if there is one."""
    sentence = explain(error)
    if sentence is not None:
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(2)
