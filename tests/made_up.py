"""Histories written by hand, and a small recorder to compare with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from initlab.monitor.history import Histogram, History

Value = float | Callable[[int], float]  # the same at every step, or by step


def history(
    values: Mapping[tuple[str, str], Value], steps: Sequence[int] = range(10), histograms: Sequence[Histogram] = ()
) -> History:
    """`values` by (layer, quantity), layers in order of execution."""
    rows: list[dict[str, Any]] = []
    for step in steps:
        for (layer, quantity), value in values.items():
            number = value(step) if callable(value) else value
            rows.append({"step": step, "layer": layer, "quantity": quantity, "value": number})
    made = History()
    made.add(rows, histograms)
    return made


def mlp(
    depth: int,
    std: Callable[[int], Value] = lambda i: 1.0,
    grad_std: Callable[[int], Value] = lambda i: 1e-3,
    **phi: Value,
) -> dict[tuple[str, str], Value]:
    """`depth` dense layers, an activation behind each but the last, all healthy unless said; `phi`: of activations."""
    values: dict[tuple[str, str], Value] = {}
    of_phi = {"std": 0.6, "dead": 0.02, "saturated": 0.5, "active": 0.5, "min": 0.0, "max": 3.0} | phi
    for i in range(depth):
        values[f"layers.{i}", "std"], values[f"layers.{i}", "grad_std"] = std(i), grad_std(i)
        values[f"layers.{i}.weight", "update_ratio"] = 1e-3
        values[f"layers.{i}.weight", "weight_norm"] = 10.0
        if i < depth - 1:
            values |= {(f"phi.{i}", quantity): value for quantity, value in of_phi.items()}
    return values
