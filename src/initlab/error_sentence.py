"""One sentence for each error that the person at the keyboard can correct."""

from __future__ import annotations

import errno
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import omegaconf
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from initlab.checks.other_names import KEYS, OPTIONS
from initlab.checks.rule import did_you_mean
from initlab.errors import UserError
from initlab.invocation import command
from initlab.override import override
from initlab.shipped import CONFIGS, known_keys

FIRST = ("normal", "kaiming", "xavier", "mlp", "sgd", "fashion_mnist")  # of the options that have a key, the usual one
QUOTES = " '\""
MISTAKES = (NameError, AttributeError, TypeError, LookupError, AssertionError)
PACKAGE = Path(__file__).resolve().parent
PROJECT = (f"{PACKAGE}{os.sep}", f"{PACKAGE.with_name('hydra_plugins')}{os.sep}")
OMEGACONF = Path(omegaconf.__file__).resolve().parent
LONGEST = 600  # characters of another library's message


def sentence_for(error: BaseException, words: Sequence[str] = ()) -> str | None:
    """One sentence for an error that the person at the keyboard can correct; None for a mistake of ours. `words`: that
    were typed, for an error before any work."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        return sentence_for(error.__cause__, words)
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MissingConfigException):  # an OSError too
        return _no_such_option(error)
    if isinstance(error, OSError):
        return _disk_trouble(error)
    if isinstance(error, OverrideParseException):
        if "=" not in error.override:
            return f"{error.override or repr('')}: must be key=value"
        return f"{error.override}: cannot be read as key=value; {_as_text(error.override)}"
    ambiguous = re.search(r"Ambiguous value for argument '(.+?)'", str(error), re.DOTALL)
    if ambiguous:
        typed = ambiguous[1]
        ways = f"{_several()}, a list its brackets, a decimal number a point"
        return f"{typed}: {ways}; {_as_text(typed)}"
    without_m = re.search(r"Sweep parameters '(.+?)' requires --multirun", str(error), re.DOTALL)
    if without_m:
        key = re.escape(without_m[1].split("=")[0])
        typed = next((word for word in words if re.match(rf"[+~]*{key}=", word)), without_m[1])
        return f"{typed}: {_several()}: {shlex.join([*command('train'), '-m', typed])} ..."
    if isinstance(error, ConfigCompositionException):
        return _no_such_key(error, words)
    if isinstance(error, ValueError) and "Config group override must be" in str(error):
        return "a group cannot be null: choose one of its options (--help lists them), none where it has that"
    if isinstance(error, YAMLError):
        return f"a config file is not YAML: {one_line(error)}"
    if isinstance(error, OmegaConfBaseException):
        # The name of a run's folder repeats what was typed, so Hydra meets it there first.
        typed = [w for w in words if "${" in w] if str(error.full_key).startswith("hydra.") else []
        return f"{' '.join(typed)}: {_message(error)}" if typed else _by_omegaconf(error)
    if isinstance(error, HydraException):
        return one_line(error)
    if type(error).__name__ == "MisconfigurationException":  # Lightning's; not imported here
        return f"trainer: {one_line(error)}"
    return None


@contextmanager
def as_user_error(words: Sequence[str]) -> Iterator[None]:
    """Raise what Hydra or OmegaConf cannot use of these words as a `UserError` of one sentence, with the original as
    its cause."""
    try:
        yield
    except Exception as error:
        sentence = None if isinstance(error, UserError) or is_bug(error) else sentence_for(error, words)
        if sentence is None:
            raise
        raise UserError(sentence) from error


def is_bug(error: BaseException) -> bool:
    """Whether it is a mistake in a line of this project, however Hydra and OmegaConf have wrapped it: its traceback
    says more than any sentence. What these libraries raise themselves for a value is none."""
    inner: BaseException | None = error
    while isinstance(inner, (HydraException, OmegaConfBaseException)):
        inner = inner.__cause__ or inner.__context__
    if not isinstance(inner, MISTAKES):
        return False
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(inner.__traceback__)]
    resolves = len(files) > 1 and Path(files[-2]).parent == OMEGACONF  # ${...} of a typed value, of any type
    return bool(files) and files[-1].startswith(PROJECT) and (not resolves or isinstance(inner, NameError))


def _several() -> str:
    """What several values of a key are for; the forecast is of one network, and ranks a group."""
    if Path(sys.argv[0]).stem.endswith("forecast"):
        return "a key has one value here (init=all ranks every scheme, train.py -m sweeps)"
    return "several values need -m (a sweep)"


def sentence_about(error: BaseException, words: Sequence[str]) -> str:
    """One sentence for any error before a run's own work: Hydra or Python's logging cannot use one of these words."""
    typed = re.search(r"input_line='(.*?)', config_loader", str(error))
    about_hydra = [word for word in words if word.lstrip("+~").startswith("hydra")]
    named = [typed[1]] if typed else about_hydra or list(words)
    cause = error.__cause__ or error.__context__
    because = f" ({one_line(cause)})" if cause is not None and str(cause) not in str(error) else ""
    return f"{' '.join(named)}: Hydra cannot use this: {one_line(error)}{because}"


def one_line(error: BaseException) -> str:
    """Its message, with the type where that says more."""
    message = " ".join(str(error).split())[:LONGEST]
    if message and not isinstance(error, (TypeError, KeyError, AttributeError, IndexError, AssertionError)):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _by_omegaconf(error: OmegaConfBaseException) -> str:
    """Its first line, after the key."""
    message = _message(error)
    return f"{error.full_key}: {message}" if error.full_key else message


def _message(error: OmegaConfBaseException) -> str:
    first = next(iter(str(error.msg or error).splitlines()), type(error).__name__)
    return " ".join(first.removeprefix("UserError raised while resolving interpolation: ").split())[:LONGEST]


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
        return one_line(error)
    options = list(error.options or sorted(path.stem for path in (CONFIGS / group).glob("*.yaml")))  # none of a list
    meant = OPTIONS.get(group, {}).get(option.lower())
    hint = f"; did you mean {meant}?" if meant else did_you_mean(option, options)
    return f"{group}={option}: no such {group}{hint} ({', '.join(options)})"


def _no_such_key(error: ConfigCompositionException, words: Sequence[str]) -> str:
    found = re.search(r"Could not (?:override|append to config\. .*?|delete(?: from config\.)?) '([^']+)'", str(error))
    merging = re.match(r"Error merging override (.*)", str(error), re.DOTALL)
    cause = error.__cause__
    if not found and merging and isinstance(cause, OmegaConfBaseException):
        return f"{' '.join(merging[1].split())}: {_by_omegaconf(cause)}"
    if not found:
        return f"{one_line(error)}: {sentence_for(cause) or one_line(cause)}" if cause else one_line(error)
    typed = found.group(1)
    if "already at" in str(error):
        return f"+{typed}: the key is there already; leave out the +"
    groups = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())
    keys = [*groups, *known_keys()]
    if typed in keys and "Could not delete" in str(error):
        return f"~{typed}: there is no such key here, or it is null already: nothing to take out"
    if typed in keys:
        return _of_another_option(typed, words)
    if typed.lower() in KEYS:
        return f"{typed}: no such key; did you mean {KEYS[typed.lower()]}?"
    same_name = [key for key in keys if key.rsplit(".", 1)[-1] == typed.rsplit(".", 1)[-1]]
    near = same_name or get_close_matches(typed, keys if "." in typed else groups, n=1)
    near = near or get_close_matches(typed, keys, n=1)
    hint = f"; did you mean {' or '.join(near[:3])}?" if near else ""
    group = typed.split(".")[0]
    siblings = [key for key in keys if key.startswith(f"{group}.")] if "." in typed else groups
    shown = f" ({', '.join(siblings)})" if siblings else ""
    return f"{typed}: no such key{hint}{shown}"


def _of_another_option(typed: str, words: Sequence[str]) -> str:
    """A key that some option of its group has, and the chosen one has not."""
    group, _, key = typed.partition(".")
    chosen = [word.partition("=")[2] for word in words if re.match(rf"[+]*{group}=", word)]
    having = [path.stem for path in sorted((CONFIGS / group).glob("*.yaml")) if _has_key(path, group, key)]
    value = next((word.partition("=")[2] for word in words if word.lstrip("+").startswith(f"{typed}=")), "...")
    first = next((name for name in having if name in FIRST), having[0] if having else "")
    if not first:
        return f"{typed}: not a key of the {group} that was chosen, nor of another that {group}= takes"
    if not chosen and not any(word.lstrip("+").startswith(("experiment=", "debug=")) for word in words):
        defaults: Any = OmegaConf.to_container(OmegaConf.load(CONFIGS / "train.yaml"))
        chosen = [one[group] for one in defaults["defaults"] if not isinstance(one, str) and group in one]
    which = f"{group}={chosen[-1]}" if chosen else f"the {group} that was chosen"
    others = ", ".join(name for name in having if name != first)
    example = f"{group}={first} {shlex.quote(f'{typed}={value}')} has"
    return f"{typed}: {which} has no {key}; {example}" + (f" (so have {others})" if others else "")


def _has_key(path: Path, group: str, key: str) -> bool:
    """Whether an option's file gives its group this key."""
    node: Any = OmegaConf.load(path)
    here = node if "@package _global_" not in path.read_text() else node.get(group) or {}
    return key.split(".")[0] in here


def _disk_trouble(error: OSError) -> str | None:
    """The run's folder cannot be made or written, or the disk is full."""
    where = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "no space left" in str(error).lower():
        return (
            f"{where}{reason}: the run stopped, what it had written before is whole; "
            "free some space, or choose a folder on another disk with hydra.run.dir=..."
        )
    if error.errno in (
        errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG,
        errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.ENODEV, errno.ENXIO,
    ):  # fmt: skip
        return f"{where}{reason}; a run writes to the folder hydra.run.dir=..., which must be one that can be written"
    return None
