"""The arguments that are Hydra's own: which a command takes, and what they may be."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from initlab import footprint
from initlab.checks.rule import did_you_mean
from initlab.cli.yaml_file import check_yaml
from initlab.errors import UserError
from initlab.invocation import of_a_sweep, sweeps
from initlab.shipped import CONFIGS

ALONE = ("--help", "-h", "--hydra-help", "--version", "--run", "-r", "--multirun", "-m", "--resolve",
         "--shell-completion", "-sc")  # fmt: skip
SHOWN = ("job", "hydra", "all")
ABOUT = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
WITH_A_VALUE: dict[str, tuple[str, ...]] = {
    "--cfg": SHOWN, "-c": SHOWN, "--info": ABOUT, "-i": ABOUT, "--package": (), "-p": (), "--config-dir": (), "-cd": (),
}  # fmt: skip
ONE_OF = ("-m", "--multirun", "-r", "--run", "--cfg", "-c", "--info", "-i", "-sc", "--shell-completion")
ABOUT_CFG = ("--package", "-p", "--resolve")
MOST_FILES = 2000  # in a folder of configs: each is read before Hydra may read it
NOT_HERE = {
    "--config-name": "the config is train.yaml; a choice of your own goes into a folder for --config-dir",
    "--config-path": "the configs are the project's; those of your own go into a folder for --config-dir",
    "--experimental-rerun": "it would run code from a file; resume= and experiment= run the same thing again",
}
NOT_HERE |= {"-cn": NOT_HERE["--config-name"], "-cp": NOT_HERE["--config-path"]}


GROUPS = {path.name for path in CONFIGS.iterdir() if path.is_dir()}


def check_words(words: Sequence[str]) -> None:
    """Raise UserError for the first flag that is not one, or a folder of configs that cannot be read."""
    value_of = None
    for word in words:
        if value_of:
            _check_value(value_of, word)
            value_of = None
            continue
        if re.match(r"[~+]*hydra(=|$)", word):
            raise UserError(f"{word}: has one option, default; change a value of it, such as hydra.run.dir=...")
        if word.startswith("="):
            raise UserError(f"{word}: must be key=value")
        null = re.fullmatch(r"[+]*(\w+)(?:@\w*)?=(?:null)?", word)
        if null and null[1] in GROUPS:
            raise UserError(
                f"{word}: a group cannot be null, choose one of its options ({', '.join(_options(null[1]))})"
            )
        group = re.match(r"([~+]*)(\w+)(?:@\w*)?=([\[{(].*)", word, re.DOTALL)
        if group and group[2] in GROUPS and not re.fullmatch(r"\[[\w, ]*[A-Za-z_][\w, ]*\]", group[3]):
            raise UserError(f"{word}: must be the name of one option ({', '.join(_options(group[2]))})")
        if re.match(r"[~+]*hydra\.output_subdir(=(?!null$)|$)", word):
            raise UserError(f"{word}: must be null, as a run writes its own resolved config.yaml")
        if not word.startswith("-"):
            continue
        flag, equals, value = word.partition("=")
        if flag in NOT_HERE:
            raise UserError(f"{flag}: not taken here; {NOT_HERE[flag]}")
        if flag in WITH_A_VALUE and equals:
            _check_value(flag, value)
        elif flag in WITH_A_VALUE:
            value_of = flag
        elif word not in ALONE:
            flags = [name for name in (*ALONE, *WITH_A_VALUE) if name.startswith("--")]
            raise UserError(f"{word}: no such flag{did_you_mean(flag, flags)} ({', '.join(flags)})")
        if flag in ABOUT_CFG and not any(re.match(r"(--cfg|-c)(=|$)", other) for other in words):
            raise UserError(f"{word}: goes with --cfg, which shows the config; alone it does nothing")
    if value_of:
        raise UserError(f"{value_of}: needs a value after it")
    alone = [word for word in words if word.partition("=")[0] in ONE_OF]
    if len(alone) > 1:
        why = "the config that it shows is of one run" if {"-m", "--multirun"} & set(alone) else "one at a time"
        raise UserError(f"{alone[0]} and {alone[1]}: not both, {why}; leave {alone[0]} out")
    _check_place(words)


def flags_first(words: Sequence[str]) -> list[str]:
    """As Hydra's parser needs them: it takes no override after a flag that stands between overrides."""
    flags: list[str] = []
    others: list[str] = []
    value = False
    for word in words:
        (flags if value or word.startswith("-") else others).append(word)
        value = not value and word in WITH_A_VALUE
    return flags + others


def _check_place(words: Sequence[str]) -> None:
    """Where a run and where a sweep writes."""
    many = sweeps(words)
    shows = any(re.match(r"(--cfg|-c|--info|-i|--package|-p)(=|$)", word) for word in words)
    for word in words:
        if many and re.match(r"[~+]*hydra\.run\.dir(=|$)", word):
            raise UserError(
                f"{word}: is for a single run; the folder of a sweep (-m) is chosen with hydra.sweep.dir=..."
            )
        if of_a_sweep(word) and not many and not shows:
            raise UserError(
                f"{word}: goes with -m, which runs a sweep; this is a single run, so leave it out or add -m"
            )
        place = re.match(r"[+]*(hydra\.(?:run|sweep)\.dir)=(?:[\[{~].*|null|)$", word, re.DOTALL)
        if place:
            raise UserError(
                f"{word}: must be the path of a folder, such as {place[1]}=outputs/mine; home is $HOME, not ~"
            )


def _options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def _check_value(flag: str, value: str) -> None:
    choices = WITH_A_VALUE[flag]
    if choices and value not in choices:
        raise UserError(f"{flag} {value}: must be one of {', '.join(choices)}{did_you_mean(value, choices)}")
    if flag in ("--config-dir", "-cd"):
        if not Path(value).is_dir():
            raise UserError(f"{flag} {value}: there is no such folder")
        there = list(islice(Path(value).rglob("*"), MOST_FILES + 1))
        if len(there) > MOST_FILES:
            raise UserError(f"{flag} {value}: holds more than {MOST_FILES:,} files; give a folder of configs alone")
        for path in sorted(path for path in there if path.suffix == ".yaml"):
            check_yaml(path)


def check_hydra(hydra: Any) -> None:
    """Raise UserError for a value of Hydra's own that a run cannot have; `hydra`: its part of the config."""
    if hydra.job.chdir:
        raise UserError(
            f"hydra.job.chdir={str(hydra.job.chdir).lower()}: must be false, "
            "as the paths in a config are meant from where the command is typed"
        )


class NoteFolder(Callback):
    """Looks at the place of a run's folder before Hydra makes that."""

    def on_run_start(self, config: DictConfig, **more: Any) -> None:
        HydraConfig.instance().set_config(config)  # for a folder named by ${hydra:...}
        with contextlib.suppress(Exception):  # Hydra resolves it once more, and that error is answered
            footprint.note(str(config.hydra.run.dir))
