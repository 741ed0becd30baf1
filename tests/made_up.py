"""Histories written by hand, and a small recorder to compare with."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from initlab.diagnosis.outline import Outline
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


def outline_from_names(history: History) -> Outline:
    """From the rows alone, as they stand in signal.csv: layers are alike when their names differ in numbers only,
    and the largest such family that is no activation function is the chain. tanh and sigmoid are told by values that
    stay within -1 and 1, and from a ReLU with values so small by what is flat: a ReLU wherever its output is 0."""
    activations = history.layers("saturated")
    families: dict[str, list[str]] = {}
    for name in history.layers("std"):
        if name not in activations:
            families.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    chain = max(families.values(), key=len, default=[])
    last = history.layers("std")[-1:]
    bounded = [name for name in activations if _within_one(history, name)]
    matrices = [name for name in history.layers("weight_norm") if not name.endswith("bias")]
    return Outline(tuple(n for n in chain if n not in last), tuple(activations), tuple(bounded), tuple(matrices))


def _within_one(history: History, layer: str) -> bool:
    lowest, highest, flat, active = (history.series(layer, q)[1] for q in ("min", "max", "saturated", "active"))
    if not len(highest) or max(highest) > 1 or min(lowest) < -1:
        return False
    off_is_flat = all(abs(f + a - 1) < 1e-6 for f, a in zip(flat, active, strict=False))  # as in ReLU
    return not off_is_flat
