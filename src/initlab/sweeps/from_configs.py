"""The jobs of a folder without a sweep.json that can be read: what sets each run apart is what differs between the
configs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from initlab.runs.config_file import PLACES, short_class
from initlab.runs.find import is_run
from initlab.sweeps.record import SEEDS

CLASSES = ("data", "model", "init", "optimizer", "scheduler")  # groups that are named by their class
FOLLOWS = {"optimizer.lr": "lr", "data.task": "model.task"}  # unless set on its own; of seeds see SEEDS


def run_folders(folder: Path) -> list[Path]:
    """Those directly in it, in order of the numbers that they begin with, or of their names."""
    return sorted((path for path in folder.iterdir() if not path.is_symlink() and is_run(path)), key=_by_number)


def what_differs(configs: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """For each config the keys and values in which it differs from others.

    A group that is another class is named by it (`init: xavier`), without the keys that follow from that; folders, and
    values that follow another, as seeds follow `seed`, are no difference.
    """
    flat = [dict(_leaves(config)) for config in configs]
    keys = dict.fromkeys(key for one in flat for key in one if key.rsplit(".", 1)[-1] not in {*PLACES, "root"})
    varied = [key for key in keys if len({one.get(key, "") for one in flat if one}) > 1]
    chosen = {key.split(".")[0] for key in varied if key.endswith("._target_")} & {*CLASSES}
    apart = {*chosen, "callbacks", "logger"}
    varied = [
        key for key in varied if key.split(".")[0] not in apart and len({one[key] for one in flat if key in one}) > 1
    ]
    varied = [key for key in varied if not _follows(key, flat)]
    if "seed" in varied:
        varied = [key for key in varied if key not in SEEDS or key == "seed"]
    return [
        {group: short_class(config.get(group)) or "none" for group in CLASSES if group in chosen and config}
        | {key: one[key] for key in varied if key in one}
        for config, one in zip(configs, flat, strict=True)
    ]


def _follows(key: str, flat: Sequence[dict[str, str]]) -> bool:
    """Whether each of these configs, of flat keys, has the value there that it has at the key that this one follows."""
    return key in FOLLOWS and all(one[key] == one.get(FOLLOWS[key]) for one in flat if key in one)


def _leaves(node: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _by_number(path: Path) -> tuple[float, str]:
    head = path.name.split("_", 1)[0]
    return (int(head) if head.isdecimal() else float("inf"), path.name)
