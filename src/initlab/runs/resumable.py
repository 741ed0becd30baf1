"""Whether a run can resume from a checkpoint, found before anything of the run is changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L

from initlab.errors import UserError

PARTS: dict[str, type | tuple[type, ...]] = {
    "epoch": int, "global_step": int, "state_dict": dict, "loops": dict, "callbacks": dict, "optimizer_states": list,
    "lr_schedulers": list, "run": dict, "run.lengths": dict, "run.seconds": (int, float), "run.stopped": bool,
}  # fmt: skip


def check_resumable(saved: Mapping[str, Any], path: Path) -> None:
    """Raise UserError for the first thing that a run needs to resume and the checkpoint does not hold."""
    for name, kind in PARTS.items():
        value: Any = saved
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if not isinstance(value, kind):
            raise UserError(f"{path}: no run can resume from it, as {name} is {_missing_or_wrong(value)}")
    lengths = saved["run"]["lengths"]
    if not all(isinstance(name, str) and isinstance(length, int) and length >= 0 for name, length in lengths.items()):
        raise UserError(f"{path}: no run can resume from it, as run.lengths is not what a run writes")
    _check_rows(saved.get("epochs"), path)


def check_fits(saved: Mapping[str, Any], trainer: L.Trainer, model: L.LightningModule, path: Path) -> None:
    """Raise UserError where the checkpoint is of another model, or of another program than Lightning's fit."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items() if hasattr(value, "shape")}
    for name, shape in shapes.items():
        its = getattr(saved["state_dict"].get(name), "shape", None)
        if its is None or tuple(its) != shape:
            found = "not there" if its is None else list(its)
            raise UserError(f"{path}: its weights are not of this run's model: {name} is {found}, not {list(shape)}")
    missing = _missing(trainer.fit_loop.state_dict(), saved["loops"].get("fit_loop"), "loops.fit_loop")
    if missing:
        raise UserError(f"{path}: no run can resume from it, as {missing} is not there")


def epochs_of(saved: Mapping[str, Any]) -> int:
    """So many it has trained: Lightning's own number counts the one that ends only when all its hooks have run."""
    trained = _progress(saved, "epoch_progress", "current", "processed")
    return int(saved["epoch"]) if trained is None else trained


def made_singly(saved: Mapping[str, Any]) -> bool:
    """Whether Lightning made its updates, one a call, and not the model itself: it counts the two apart."""
    by_lightning = ("epoch_loop.automatic_optimization.optim_progress", "optimizer", "step", "total", "completed")
    return bool(_progress(saved, *by_lightning))


def _progress(saved: Mapping[str, Any], *keys: str) -> int | None:
    """A number of Lightning's about the fit; None: it keeps it elsewhere by now."""
    found: Any = saved["loops"]
    for key in ("fit_loop", *keys):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int) else None


def _check_rows(epochs: Any, path: Path) -> None:
    """What `EpochRows` saved, where it did."""
    if epochs is None:
        return
    rows = epochs.get("rows") if isinstance(epochs, dict) else None
    tables = [
        row.get("table", {"columns": [], "rows": 0}) if isinstance(row, dict) else None for row in (rows or {}).values()
    ]
    sound = isinstance(rows, dict) and all(
        isinstance(table, dict) and isinstance(table.get("columns"), list) and isinstance(table.get("rows"), int)
        for table in tables
    )
    if not sound or not isinstance(epochs.get("late"), dict):
        raise UserError(f"{path}: no run can resume from it, as epochs is not what a run writes")


def _missing(wanted: Any, there: Any, name: str) -> str:
    """The first key of nested mappings that is not there."""
    if not isinstance(wanted, dict):
        return ""
    if not isinstance(there, dict):
        return name
    return next((m for key, value in wanted.items() if (m := _missing(value, there.get(key), f"{name}.{key}"))), "")


def _missing_or_wrong(value: Any) -> str:
    return "not there" if value is None else "not what a run writes"
