"""What a sweep left in its folder: its axes and its jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from initlab.report.run_files import MARKS, RunFiles, read_run, short_class
from initlab.report.trouble import Reader
from initlab.sweeps.folder import SEEDS

GROUPS = ("data", "model", "init", "optimizer", "scheduler")
PLACES = ("run_dir", "dirpath", "save_dir", "root")  # keys of folders, which differ from job to job


@dataclass
class Job:
    """One run of a sweep. `overrides`: what sets it apart from the others; `run`: None where it has not begun."""

    num: int
    folder: Path
    overrides: dict[str, str]
    run: RunFiles | None = None

    @property
    def state(self) -> str:
        """finished, failed, unfinished, or not begun."""
        return self.run.state if self.run else "not begun"

    @property
    def combination(self) -> dict[str, str]:
        return {key: value for key, value in self.overrides.items() if key not in SEEDS}


@dataclass
class Sweep:
    """axes: what was swept, with its values in the order in which they were asked for."""

    folder: Path
    command: list[str]
    axes: dict[str, list[str]]
    monitor: str
    mode: str
    jobs: list[Job]
    troubles: list[str] = field(default_factory=list)

    @property
    def swept(self) -> list[str]:
        """The axes without the seeds."""
        return [axis for axis in self.axes if axis not in SEEDS]


def is_sweep(folder: Path) -> bool:
    return (folder / "sweep.json").is_file() or any(True for _ in _run_folders(folder))


def read_sweep(folder: Path) -> Sweep:
    """From sweep.json and the jobs' folders; without sweep.json an axis is what differs between the jobs' configs."""
    reader = Reader(folder)
    plan = reader.json("sweep.json", dict)
    listed = plan.get("jobs")
    jobs = [job for item in listed if (job := _job(folder, item))] if isinstance(listed, list) else []
    if isinstance(listed, list) and len(jobs) < len(listed):
        reader.troubles.append("sweep.json lists jobs that cannot be understood: they are left out")
    for job in jobs:
        job.run = read_run(job.folder, pictures=False) if job.folder.is_dir() else None
    if not jobs:
        if not plan:
            reader.troubles.append(
                "There is no sweep.json to read: what was swept is taken from what differs between the configs."
            )
        runs = [read_run(path, pictures=False) for path in sorted(_run_folders(folder), key=_by_number)]
        jobs = [
            Job(i, run.folder, o, run)
            for i, (run, o) in enumerate(zip(runs, differences([run.config for run in runs]), strict=True))
        ]
    axes = plan.get("axes")
    axes = (
        {str(a): [str(v) for v in values] for a, values in axes.items() if isinstance(values, list)}
        if isinstance(axes, dict)
        else {}
    )
    for job in jobs:  # a sweeper that chooses as it goes, or no plan
        for key, value in job.overrides.items():
            if value not in axes.setdefault(key, []):
                axes[key].append(value)
    for values in axes.values():
        if all(is_number(value) for value in values):
            values.sort(key=float)
    axes = {key: values for key, values in axes.items() if len(values) > 1 or not _several(axes)}
    some = next((job.run for job in jobs if job.run and job.run.config), None)
    monitor = str(plan.get("monitor") or (some.monitor if some else "val/loss"))
    mode = plan.get("mode") or (some.config.get("mode") if some else None)
    if mode not in ("min", "max"):
        mode = "max" if monitor.endswith("acc") else "min"
    typed = plan.get("command") or (some.environment.get("command") if some else None)
    words = [str(word) for word in typed] if isinstance(typed, list) else str(typed or "").split()
    return Sweep(folder, words, axes, monitor, mode, jobs, reader.troubles)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower().lstrip("+-") not in ("nan", "inf", "infinity")


def differences(configs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """For each config the keys and values in which it differs from others.

    A group that is another class is named by it (`init: xavier`), without the keys that follow from that; folders, and
    seeds that follow `seed`, are no difference.
    """
    flat = [dict(_leaves(config)) for config in configs]
    keys = [key for key in dict.fromkeys(key for one in flat for key in one) if key.rsplit(".", 1)[-1] not in PLACES]
    varied = [key for key in keys if len({one.get(key, "") for one in flat if one}) > 1]
    chosen = {key.split(".")[0] for key in varied if key.endswith("._target_") and key.split(".")[0] in GROUPS}
    if "seed" in varied:
        varied = [key for key in varied if key not in SEEDS or key == "seed"]
    varied = [
        key for key in varied if key.split(".")[0] not in chosen and not key.startswith(("callbacks.", "logger."))
    ]
    return [
        {group: short_class(config.get(group)) or "none" for group in GROUPS if group in chosen and config}
        | {key: one[key] for key in varied if key in one}
        for config, one in zip(configs, flat, strict=True)
    ]


def _several(axes: Mapping[str, list[str]]) -> bool:
    return any(len(values) > 1 for values in axes.values())


def _leaves(node: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _run_folders(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and any((path / name).is_file() for name in MARKS):
            yield path


def _by_number(path: Path) -> tuple[float, str]:
    head = path.name.split("_", 1)[0]
    return (int(head) if head.isdecimal() else float("inf"), path.name)


def _job(folder: Path, item: Any) -> Job | None:
    """None for what is no job of this folder."""
    if not isinstance(item, dict) or not isinstance(item.get("overrides"), dict):
        return None
    name, num = str(item.get("folder", "")), item.get("num")
    if name != Path(name).name or name in ("", "..") or not isinstance(num, int):
        return None
    return Job(num, folder / name, {str(key): str(value) for key, value in item["overrides"].items()})
