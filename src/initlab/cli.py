"""Hydra's entry point with the house's manners: one clear line for a wrong word, a traceback for our own mistakes."""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
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
from yaml import YAMLError

from initlab.config import CONFIGS, check_config, known_keys
from initlab.errors import UserError
from initlab.help import HELP, help_page
from initlab.override import override
from initlab.rules import did_you_mean
from initlab.runs.resume import resumed
from initlab.sweeps.job import run_job
from initlab.sweeps.resume import words_of_resume

QUOTES = " '\""


def main(config_name: str, *, writes: bool = True) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorate the function that does the work; it gets a config that has been checked. Work that writes nothing
    leaves no folder.

    HYDRA_FULL_ERROR=1 shows the traceback of user errors too.
    """

    def decorate(work: Callable[[DictConfig], Any]) -> Callable[[], None]:
        full_error = os.environ.get("HYDRA_FULL_ERROR") == "1"

        typed = sys.argv[1:]

        def job(cfg: DictConfig) -> Any:
            hydra_cfg = HydraConfig.get()
            sys.argv[1:] = typed  # what the record of the run shows
            folder = Path(hydra_cfg.runtime.output_dir)

            def checked(cfg: DictConfig) -> Any:
                check_config(cfg, choices=dict(hydra_cfg.runtime.choices), name=config_name)
                if cfg.run_dir != hydra_cfg.runtime.output_dir:
                    raise UserError(f"run_dir={cfg.run_dir}: choose the folder of a run with hydra.run.dir=...")
                if hydra_cfg.mode == RunMode.MULTIRUN and cfg.trainer.devices > 1:
                    raise UserError(f"trainer.devices={cfg.trainer.devices}: each job of a sweep uses one device")
                return work(cfg)

            if hydra_cfg.mode == RunMode.MULTIRUN:
                return run_job(cfg, folder, checked, explain)
            try:
                result = checked(cfg)
            except Exception as error:
                _discard(folder)
                if not full_error:
                    _answer(error)  # here, before Hydra adds a line of its own
                raise
            if not writes:
                _discard(folder)
            return result

        def run() -> None:
            threading.excepthook = _in_a_thread
            os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints its own page and exits before we see the error
            try:
                config = config_name
                if HELP & set(typed):
                    print(help_page(config_name, typed))
                    return
                if writes:
                    config, sys.argv[1:] = resumed(words_of_resume(typed), config_name)
                elif {"-m", "--multirun"} & set(typed):
                    raise UserError(f"-m: {Path(sys.argv[0]).name} answers for one network at a time")
                hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config)(job)()
            except BrokenPipeError:  # whoever read the output, `| head`, has gone
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(1)
            except KeyboardInterrupt:  # while it imports; a run that trains has a handler of its own
                print("stopped before the run began", file=sys.stderr)
                sys.exit(130)
            except Exception as error:
                if not full_error:
                    _answer(error)
                raise

        return run

    return decorate


@contextmanager
def one_line_errors() -> Iterator[None]:
    """The same manners for a script without Hydra."""
    try:
        yield
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR") != "1":
            _answer(error)
        raise


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
        return f"{error.override}: cannot be read as key=value; {_as_text(error.override)}"
    ambiguous = re.search(r"Ambiguous value for argument '([^']+)'", str(error))
    if ambiguous:
        typed = ambiguous[1]
        ways = "several values need -m (a sweep), a list its brackets, a decimal number a point"
        return f"{typed}: {ways}; {_as_text(typed)}"
    if isinstance(error, ConfigCompositionException):
        return _no_such_key(error)
    if isinstance(error, ValueError) and "Config group override must be" in str(error):
        return "a group cannot be null: choose one of its options (--help lists them), none where it has that"
    if isinstance(error, YAMLError):
        return f"a config file is not YAML: {' '.join(str(error).split())}"
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return " ".join(str(error).split())
    if type(error).__name__ == "MisconfigurationException":  # Lightning's; not imported here
        return f"trainer: {' '.join(str(error).split())}"
    return None


def _as_text(typed: str) -> str:
    """How to type a value that Hydra's grammar does not take as it stands, as a word for the shell."""
    key, _, value = typed.partition("=")
    if value.startswith("[") and value.endswith("]"):
        parts = re.split(r",(?![^(]*\))", value[1:-1])
        return f"a list of texts is typed {override(key, [part.strip(QUOTES) for part in parts])}"
    return f"a text is typed {override(key, value) if value else override('key', '...')}"


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
    if "already at" in str(error):
        return f"+{typed}: the key is there already; leave out the +"
    groups = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())
    keys = [*groups, *known_keys()]
    if typed in keys:
        return f"{typed}: not a key of the {typed.split('.')[0]} that was chosen, but of another option"
    same_name = [key for key in keys if key.rsplit(".", 1)[-1] == typed.rsplit(".", 1)[-1]]
    near = same_name or get_close_matches(typed, keys if "." in typed else groups, n=1)
    near = near or get_close_matches(typed, keys, n=1)
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
    """Take away the folder that Hydra made for a run that never began; one with more than its log in it stays."""
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= {"run.log"}:
        (folder / "run.log").unlink(missing_ok=True)
        folder.rmdir()


def _in_a_thread(args: threading.ExceptHookArgs) -> None:
    """A full disk met by TensorBoard's writing thread reaches the main one at its next write, and is said there."""
    if args.exc_value is None or explain(args.exc_value) is None:
        threading.__excepthook__(args)


def _answer(error: Exception) -> None:
    """Say the one sentence and leave with exit status 2, if there is one."""
    sentence = explain(error)
    if sentence is not None:
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(2)
