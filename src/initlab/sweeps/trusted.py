"""Which overrides of a sweep.json are taken: a sweep may have come from another person, and must not run code or write
outside its folder when it resumes here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override
from hydra.errors import HydraException

from initlab.override import quoted
from initlab.shipped import CONFIGS

WRITES = {  # last parts of keys that name a place to write or to send to
    "dirpath", "folder", "resume", "root", "run_dir", "save_dir", "offline_directory",
    "api_key", "artifact_location", "tracking_uri",
}  # fmt: skip
OF_HYDRA = {  # values of these cannot do more than start processes here, few or many
    "hydra.launcher.n_jobs", "hydra.launcher.num_cpus", "hydra.launcher.num_gpus", "hydra.launcher.at_once",
    "hydra.launcher.cpus_per_task", "hydra.launcher.timeout_min", "hydra.launcher.population",
    "hydra.sweeper.n_trials", "hydra.sweeper.n_jobs", "hydra.sweeper.seed", "hydra.sweeper.sampler",
    "hydra.sweeper.pruner",
}  # fmt: skip
PARTS = ("model", "init", "optimizer", "scheduler", "data")  # groups whose values, but for data.path, are no places,
ALONE = ("lr", "seed", "init_seed")  # nor are these: they may be one another's, as in lr=${init.sigma}
NAMES = {"hydra.sweeper.sampler", "hydra.sweeper.pruner"}
SUBDIR = "hydra.sweep.subdir"  # what it gives is checked to be a name
PLAIN = r"true|false|null|inf|nan|[-+]?[0-9][0-9_]*(\.[0-9]*)?(e[-+]?[0-9]+)?|[-+]?\.[0-9]+(e[-+]?[0-9]+)?"
PATH = re.compile(r"""(^|[,(\[:'"\s])[/~]|\.\.""")


def harmless(word: str) -> bool:
    """Whether an override can only choose among what the package ships, or set a value that names no class and no place
    to write: `model=mlp`, `lr=0.1,0.01`, `data.path=houses.csv`; not `+callbacks.x._target_=...`, `hydra.run.dir=...`,
    `logger.csv.save_dir=...`, nor an interpolation, but for one such as `lr=${init.sigma}`."""
    try:
        (override,) = OverridesParser.create().parse_overrides([word])
        value = override.value()
    except (HydraException, ValueError, RecursionError):
        return False
    key = override.key_or_group
    parts = re.split(r"[./]", key)
    if not re.fullmatch(r"[~+]{0,2}[\w./]+(=.*)?", word, re.DOTALL) or override.package is not None:
        return False
    text = word.partition("=")[2]
    if key == SUBDIR:
        rest = re.sub(r"\$\{run_name:[^${}]*\}", "", re.sub(r"\$\{[\w.]+\}", "", text))
        return not {"{", "/"} & set(rest)
    if parts[0] == "hydra" and key not in ("hydra/launcher", "hydra/sweeper"):
        return key in OF_HYDRA and bool(
            re.fullmatch(rf"{PLAIN}|[a-z]*" if key in NAMES else PLAIN, text, re.IGNORECASE)
        )
    if any(part.startswith("_") for part in parts) or parts[-1] in WRITES:
        return False
    if (CONFIGS / key).is_dir():
        return _shipped(key, override, value)
    if "/" in key:
        return False
    if override.is_add() or override.is_force_add():
        return bool(re.fullmatch(rf"({PLAIN})(,({PLAIN}))*", text, re.IGNORECASE))
    if _a_value(key):
        text = re.sub(r"\$\{([\w.]+)\}", lambda found: "0" if _a_value(found[1]) else found[0], text)
    if (("{" in text or "$" in text) and key != "trainer.max_time") or "${" in text:
        return False
    return key == "data.path" or not PATH.search(text)


def to_repeat(words: Sequence[str]) -> list[str]:
    """Those that are taken only from who types them."""
    return [word for word in words if not harmless(word)]


def assignment(key: str, value: str) -> str:
    """An override with a text that means itself."""
    return f"{key}={quoted(value)}"


def _a_value(key: str) -> bool:
    """Whether it is of a value of the model or the data, no class and no place."""
    first, *others = key.split(".")
    named = all(part and not part.startswith("_") for part in others) and key != "data.path"
    return (first in PARTS and bool(others) and named and others[-1] not in WRITES) or key in ALONE


def _shipped(group: str, override: Override, value: Any) -> bool:
    """Whether the options are those of the package: no file from elsewhere."""
    if override.is_delete():
        return True
    if isinstance(value, Glob):
        return not any(PATH.search(pattern) for pattern in (*value.include, *value.exclude))
    values = value.list if isinstance(value, ChoiceSweep) else [value]
    for name in (name for one in values for name in (one if isinstance(one, list) else [one])):
        text = str(getattr(name, "text", name))
        basic = text == "basic" and group == "hydra/launcher"
        if (
            name is not None
            and not basic
            and not (re.fullmatch(r"[\w-]+", text) and (CONFIGS / group / f"{text}.yaml").is_file())
        ):
            return False
    return True
