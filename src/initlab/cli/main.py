"""The command line: Hydra's entry point, with one clear sentence for an invalid argument and nothing left behind."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from initlab import footprint
from initlab.cli.help import HELP, help_page
from initlab.cli.hydra_words import check_hydra, check_words, flags_first
from initlab.cli.run_log import logging_ends
from initlab.config import check_config
from initlab.error_sentence import is_bug, sentence_about, sentence_for
from initlab.errors import UserError
from initlab.process.signals import leave_in_order
from initlab.runs.resume import resumed
from initlab.shipped import CONFIGS
from initlab.sweeps.job import run_job
from initlab.sweeps.resume import words_of_resume

FULL_ERROR = "HYDRA_FULL_ERROR"
STOPPED = "stopped"


def main(config_name: str, *, writes: bool = True) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorate the function that does the work; it gets a config that has been checked. Work that writes nothing
    leaves no folder, nor does a command that is refused.

    HYDRA_FULL_ERROR=1 shows the traceback of user errors too.
    """

    def decorate(work: Callable[[DictConfig], Any]) -> Callable[[], None]:
        typed: list[str] = []
        given: str | None = None
        began = False  # the work; what fails before fails by the words

        def job(cfg: DictConfig) -> Any:
            nonlocal began
            began = True
            _put_back(given)  # for the processes that a run starts
            hydra_cfg = HydraConfig.get()
            sys.argv[1:] = typed  # what the record of the run shows

            def checked(cfg: DictConfig) -> Any:
                check_hydra(hydra_cfg)
                check_config(cfg, choices=dict(hydra_cfg.runtime.choices), name=config_name)
                if cfg.run_dir != hydra_cfg.runtime.output_dir:
                    raise UserError(f"run_dir={cfg.run_dir}: choose the folder of a run with hydra.run.dir=...")
                if hydra_cfg.mode == RunMode.MULTIRUN and cfg.trainer.get("devices", 1) != 1:
                    raise UserError(f"trainer.devices={cfg.trainer.devices}: each job of a sweep uses one device")
                return work(cfg)

            try:
                if hydra_cfg.mode == RunMode.MULTIRUN:
                    return run_job(cfg, Path(hydra_cfg.runtime.output_dir), checked, sentence_for)
                return checked(cfg)
            except Exception as error:
                if given != "1":
                    _answer(error)  # here, before Hydra adds a line of its own
                raise
            finally:
                os.environ[FULL_ERROR] = "1"

        def run() -> None:
            nonlocal typed, given, began
            typed, given, began = sys.argv[1:], os.environ.get(FULL_ERROR), False  # the latter set by the person
            threading.excepthook = _in_a_thread
            os.environ[FULL_ERROR] = "1"  # else Hydra prints its own page and exits before we see the error
            try:
                with leave_in_order(), logging_ends():
                    config = config_name
                    check_words(typed)
                    if HELP & set(typed):
                        print(help_page(config_name), end="")
                        return
                    if writes:
                        config, sys.argv[1:] = resumed(words_of_resume(typed), config_name)
                    elif {"-m", "--multirun"} & set(typed):
                        raise UserError(f"-m: {Path(sys.argv[0]).name} answers for one network at a time")
                    sys.argv[1:] = flags_first(sys.argv[1:])
                    hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config)(job)()
            except BrokenPipeError:  # the reader of the output, `| head`, has gone
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(1)
            except KeyboardInterrupt:  # while it imports; a run that trains has a handler of its own
                print("stopped before the run began" if writes else STOPPED, file=sys.stderr)
                sys.exit(130)
            except Exception as error:
                if given != "1":
                    _answer(error, () if began else typed)
                raise
            finally:
                _put_back(given)
                footprint.erase_empty()

        return run

    return decorate


@contextmanager
def one_line_errors() -> Iterator[None]:
    """The same for a script without Hydra: Ctrl-C ends it in one line too, with status 130, and SIGTERM with 143."""
    try:
        with leave_in_order():
            yield
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if os.environ.get(FULL_ERROR) != "1":
            _answer(error)
        raise


def _put_back(given: str | None) -> None:
    """The variable as the person had it."""
    if given is None:
        os.environ.pop(FULL_ERROR, None)
    else:
        os.environ[FULL_ERROR] = given


def _in_a_thread(args: threading.ExceptHookArgs) -> None:
    """A full disk met by TensorBoard's writing thread reaches the main one at its next write, and is said there."""
    if args.exc_value is None or sentence_for(args.exc_value) is None:
        threading.__excepthook__(args)


def _answer(error: Exception, words: Sequence[str] = ()) -> None:
    """Print the one sentence and leave with exit status 2, if there is one; `words`: of an error before any work."""
    if is_bug(error):
        return
    sentence = sentence_for(error, words) or (sentence_about(error, words) if words else None)
    if sentence is not None:
        shown = "".join(
            c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(sentence.split())
        )
        line = f"error: {shown}"
        if sys.stderr.isatty():
            line = fill(line, get_terminal_size().columns, break_long_words=False, break_on_hyphens=False)
        print(line, file=sys.stderr)
        sys.exit(2)
