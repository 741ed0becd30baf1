"""Who may look at what a monitor records, while it records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import lightning as L

    from initlab.monitor.history import History

Row = dict[str, Any]  # {"step": int, "layer": str, "quantity": str, "value": float}


class Recording(Protocol):
    """What an observer is given of the monitor, as `SignalMonitor` has it."""

    @property
    def history(self) -> History: ...

    @property
    def folder(self) -> Path | None: ...

    def path(self, name: str) -> Path | None: ...


class Observer:
    """Derive from this and override what you need; `SignalMonitor(observers=[...])` calls it on rank 0 only.

    `on_start` comes when a fit starts, before the first forward. `on_rows` comes about once a second, with the rows
    that are new, in order of step, and within a step in order of execution; `monitor.history` already has them, and
    the histograms. `on_end` comes once, when the fit ends or fails, after the last `on_rows`. Their time counts into
    what the monitor reports as its cost. An observer changes nothing of the model and draws no random number.

    Where `wants` is true of a step, the rows that end with it come at once, so that what it reports does not depend on
    the clock. What `state_dict` returns is in the checkpoint, and comes back in `load_state_dict` after `on_start`.

    A run may be stopped by an observer that raises `UserError`; its sentence reaches the person.
    """

    file: str | None = None  # that it writes next to the monitor's; ask `monitor.path(file)` for its path

    def on_start(self, monitor: Recording) -> None: ...

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None: ...

    def on_end(self, monitor: Recording, trainer: L.Trainer) -> None: ...

    def wants(self, monitor: Recording, step: int) -> bool:
        return False

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any], monitor: Recording) -> None: ...
