"""Mean and std of every layer's output, while it trains."""

from __future__ import annotations

from pathlib import Path

from initlab.callbacks.signal_monitor import SignalMonitor


class ActivationStats(SignalMonitor):
    """The small `SignalMonitor`: mean and std of every layer at step 0, before any update, and then every n steps.

    Rows go to `activations.csv` and, as `watched/activations/<layer>/<quantity>`, to TensorBoard.
    """

    file = "activations.csv"
    key = "callbacks.activation_stats"

    def __init__(self, every_n_steps: int = 50, folder: str | Path | None = None) -> None:
        super().__init__(
            every_n_steps,
            dense_steps=0,
            quantities=("mean", "std"),
            max_overhead=None,
            observers=(),
            folder=folder,
        )
