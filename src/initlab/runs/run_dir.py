"""The folder of one run: its config, where and with what it ran, and how it ended."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from initlab.errors import UserError
from initlab.latest import point_latest_to
from initlab.runs.atomic import whole_file, write_json
from initlab.runs.config_file import FILE
from initlab.runs.epoch_table import has_other_numbers
from initlab.runs.event_files import put_in_order
from initlab.runs.growing_files import METRICS, cut_back
from initlab.runs.locks import Lock
from initlab.runs.reading import check_folder, check_no_links, read_json

log = logging.getLogger(__name__)
FILES = (
    FILE, "environment.json", "uncommitted.diff", "metrics.csv", "signal.csv", "activations.csv", "histograms.csv",
    "findings.json", "forecast.json", "explanation.json", "pruned.json", "run.log", "summary.json", "failed.json",
    "checkpoints/best.ckpt", "checkpoints/last.ckpt",
)  # fmt: skip
RUN_ID = "run_id"  # in environment.json and in each checkpoint, wherever the folder is moved
FOLDERS = ("checkpoints", "checkpoints/before_the_end", "tensorboard")


class RunDir:
    """A folder that belongs to one run.

    config.yaml       the resolved config: what `open_run` rebuilds the run from
    environment.json  command, Python, packages, processor, threads, git commit, and the id of the run
    uncommitted.diff  what differed from that commit, if anything did
    metrics.csv       one row an epoch
    signal.csv        rows of step, layer, quantity, value
    histograms.csv    of each layer's output: step, layer, low, high, counts
    findings.json     what the monitor found
    explanation.json  why it did not train, where somebody has asked
    checkpoints/      best.ckpt, last.ckpt: tensors and plain values only
    tensorboard/      the event file
    run.log           what was logged, with times
    summary.json      written last: a run without it did not finish
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = Lock(self.path, "this run is still training, in another process")

    @property
    def last_checkpoint(self) -> Path:
        """The one that the run resumes from."""
        return self.path / "checkpoints" / "last.ckpt"

    def create(self, config_yaml: str) -> None:
        """Take the folder for a new run; a folder that already holds one is refused, so that nothing is overwritten."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.hold()
        there = {path.name for path in self.path.iterdir() if path.suffix != ".part"} - {"run.log", "job.json"}
        if there and FILE not in there:
            raise UserError(f"hydra.run.dir={self.path}: this folder is not empty; choose one that is new or empty")
        try:
            with whole_file(self.path / FILE, new=True) as file:
                file.write(config_yaml.encode())
        except FileExistsError:
            raise UserError(
                f"hydra.run.dir={self.path}: this folder already holds a run; choose one that is new or empty, "
                f"or resume it: resume={self.path}"
            ) from None
        git = _git_state()
        diff = _git("diff", "HEAD") if git and not git["clean"] else ""
        if diff:
            with whole_file(self.path / "uncommitted.diff") as file:
                file.write(diff.encode("utf-8", "replace"))
        write_json(self.path / "environment.json", {RUN_ID: new_id()} | _environment() | {"git": git})
        point_latest_to(self.path)

    def resume(
        self,
        config_yaml: str,
        lengths: Mapping[str, int],
        step: int,
        table: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> None:
        """Take the folder again for the run that it holds, from a checkpoint made when the growing files had these
        lengths and metrics.csv was `table`; what came later is removed. `run_id`: for one whose record is lost."""
        self.hold()
        self.check()
        shorter = cut_back(self.path, lengths, table)
        if shorter:
            log.warning("%s: rows that were there at the checkpoint are missing", ", ".join(shorter))
        put_in_order(self.path / "tensorboard")
        for name in ("summary.json", "failed.json", "explanation.json"):  # it is not over
            (self.path / name).unlink(missing_ok=True)
        for part in self.path.rglob("*.part"):  # a file whose writer was killed
            part.unlink()
        with whole_file(self.path / FILE) as file:
            file.write(config_yaml.encode())
        environment = self.environment
        now = _environment() | {"git": _git_state()}
        begun = {name: environment.get(name) for name in now}
        changed = {name: now[name] for name in now if now[name] != begun[name] or name in ("started", "command")}
        before = environment.get("resumed", [])
        resumed = [*(before if isinstance(before, list) else []), {"step": step} | changed]
        write_json(self.path / "environment.json", (environment or {RUN_ID: run_id} | now) | {"resumed": resumed})
        point_latest_to(self.path)

    def check(self) -> None:
        """Raise UserError unless all in the folder is what a run may cut, replace or delete there."""
        check_no_links(self.path)
        for name in FILES:
            if (self.path / name).is_dir():
                raise UserError(f"{self.path / name}: must be a file, but is a folder")
        for name in FOLDERS:
            check_folder(self.path / name)

    @property
    def environment(self) -> dict[str, Any]:
        """What environment.json holds; nothing where the run was killed before it wrote that, or it was altered."""
        try:
            return cast("dict[str, Any]", read_json(self.path / "environment.json", dict))
        except (FileNotFoundError, UserError):
            return {}

    @property
    def id(self) -> str | None:
        """Drawn when the run began; none, for a run from before there were ids."""
        return self.environment.get(RUN_ID)

    def check_own(self, saved: Mapping[str, Any], path: Any) -> None:
        """Raise UserError for a checkpoint that another run wrote; any may be its own where its record is lost. Of runs
        from before there were ids the numbers of an epoch tell."""
        environment = self.environment
        own, its = environment.get(RUN_ID), saved.get(RUN_ID)
        table = _at(saved, "epochs", "rows", "csv", "table")
        other = own is its is None and has_other_numbers(self.path / METRICS, table, _at(saved, "figures", "latest"))
        if environment and (own != its or other):
            raise UserError(f"{path}: another run wrote this checkpoint, not the one in {self.path}")

    def hold(self) -> None:
        """Keep others out until `release`."""
        self._lock.take()

    def release(self) -> None:
        """Others may take it."""
        self._lock.release()

    def finish(self, summary: dict[str, Any]) -> None:
        """Say how the run ended."""
        write_json(self.path / "summary.json", summary)

    def fail(self, error: str, trace: str) -> None:
        """Say why it did not: one sentence, and the traceback."""
        write_json(self.path / "failed.json", {"error": error, "traceback": trace})


def _at(node: Any, *keys: str) -> Any:
    """What lies there in nested mappings; None: nothing."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def new_id() -> str:
    """For a run; not of the random numbers that it trains by."""
    return secrets.token_hex(8)


def _environment() -> dict[str, Any]:
    import torch

    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": _packages(),
    }


def _packages() -> dict[str, str]:
    """Name and version of what is installed, by the names of the folders (`hydra_core-1.3.8.dist-info`): to read each
    one's metadata takes 0.4 s."""
    found: dict[str, str] = {}
    for folder in map(Path, sys.path):
        for info in folder.glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            found.setdefault(name.replace("_", "-"), version)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _git_state() -> dict[str, Any] | None:
    """Commit and branch of the checkout this package runs from, and whether it was changed; None outside a checkout."""
    said = _git("status", "--porcelain=v2", "--branch").splitlines()  # git-status(1): "# branch.oid <commit>", ...
    header = dict(line[2:].split(" ", 1) for line in said if line.startswith("# "))
    commit = header.get("branch.oid")
    if commit in (None, "(initial)"):
        return None
    branch = header["branch.head"]
    return {
        "commit": commit,
        "branch": "HEAD" if branch == "(detached)" else branch,
        "clean": not any(not line.startswith("# ") for line in said),
    }


def _git(*words: str) -> str:
    """What git answers, or nothing where it cannot."""
    command = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
