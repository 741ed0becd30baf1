"""Why does this network (not) train from this initialisation?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from initlab.callbacks import SignalMonitor
    from initlab.composition import compose
    from initlab.explaining import explain
    from initlab.forecasting import forecast
    from initlab.init import initialize
    from initlab.run.train import train
    from initlab.runs import open_run
    from initlab.sweeps.opened import open_sweep

__version__ = "0.1.0"
__all__ = ["SignalMonitor", "compose", "explain", "forecast", "initialize", "open_run", "open_sweep", "train"]
_HOME = {
    "SignalMonitor": "callbacks",
    "compose": "composition",
    "explain": "explaining",
    "forecast": "forecasting",
    "initialize": "init",
    "open_run": "runs",
    "open_sweep": "sweeps.opened",
    "train": "run",
}


def __getattr__(name: str) -> Any:
    """Torch and Lightning are imported when a name that needs them is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'initlab' has no attribute {name!r}")
    return getattr(import_module(f"initlab.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
