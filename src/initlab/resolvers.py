"""What `${name:...}` means in a config file; registered by importing this."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from omegaconf import ListConfig, OmegaConf

from initlab.errors import UserError
from initlab.footprint import new_folder
from initlab.invocation import IN_SOURCES, SOURCES

MOST_VALUES = 200_000  # of a config, its interpolations followed
# Where configs/ is, and docs/data/: in the project's folder; an installed package has copies in its own.
PROJECT = SOURCES if IN_SOURCES else Path(__file__).resolve().parent


def run_name(override_dirname: str) -> str:
    """`_init-xavier_lr-0.1` from Hydra's `init=xavier,lr=0.1`: a folder name that any shell and Hydra itself take
    unquoted, at most 120 characters long; nothing for no override."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", str(override_dirname).replace(",", "_")).strip("-")
    return f"_{name}"[:120].rstrip("-.") if name else ""


def mode_of(metric: str) -> str:
    """Whether more or less of a metric is better."""
    return "max" if str(metric).endswith("acc") else "min"


def repeat(value: Any, times: int) -> list[Any]:
    """A list too long to write down: the 200 weights of d2l 3.7 are `${repeat:0.01,200}`."""
    if not isinstance(times, int) or isinstance(times, bool) or not 0 <= times * max(1, _count(value)) <= MOST_VALUES:
        raise UserError(f"${{repeat:...,{times}}}: must be a whole number from 0 to {MOST_VALUES:,} values in all")
    return [value] * times


def _count(value: Any) -> int:
    """The values in a list of lists."""
    return sum(map(_count, value)) if isinstance(value, (list, ListConfig)) else 1


OmegaConf.register_new_resolver("shipped", lambda path: str(PROJECT / path), replace=True)
OmegaConf.register_new_resolver("run_name", run_name, replace=True)
OmegaConf.register_new_resolver("new_folder", new_folder, replace=True, use_cache=True)
OmegaConf.register_new_resolver("mode_of", mode_of, replace=True)
OmegaConf.register_new_resolver("repeat", repeat, replace=True)
