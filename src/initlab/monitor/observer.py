"""Who may look at what a monitor records, while it records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import lightning as L

    from initlab.monitor.signal_monitor import SignalMonitor

Row = dict[str, Any]  # {"step": int, "layer": str, "quantity": str, "value": float}


class Observer(Protocol):
    """Anything with these two methods; `SignalMonitor(observers=[...])` calls them on rank 0 only.

    `on_rows` comes about once a second, with the rows that are new, in order of step, and within a step in order of
    execution; `monitor.history` already has them, and the histograms. `on_end` comes once, when the fit ends or fails,
    after the last `on_rows`. Their time counts into what the monitor says it cost. An observer changes nothing of the
    model and draws no random number.

    With `wants(monitor, step) -> bool` it gets the rows at once that end with a step it wants, so that what it says
    does not depend on the clock; with `state_dict()` and `load_state_dict(state, monitor)` it goes on from a
    checkpoint.

    A run may be stopped by an observer that raises `UserError`; its sentence reaches the person.
    """

    def on_rows(self, monitor: SignalMonitor, trainer: L.Trainer, rows: Sequence[Row]) -> None: ...

    def on_end(self, monitor: SignalMonitor, trainer: L.Trainer) -> None: ...
