"""What was predicted of a run's layers, as the forecast.json in its folder has it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from initlab.diagnosis.outline import BOUNDED
from initlab.runs import Run
from initlab.runs.reader import number

NUMBERS = ("std", "low", "high", "grad", "grad_low", "grad_high")


@dataclass(frozen=True)
class PredictedLayer:
    """Of one layer at step 0: the std of its output and of its gradient (over that of the last layer before the
    output), with bands of two sigma; None where there is no number."""

    name: str
    std: float | None
    low: float | None
    high: float | None
    grad: float | None
    grad_low: float | None
    grad_high: float | None


@dataclass(frozen=True)
class Prediction:
    """layers: in order, the output layer last; () where there is no forecast.

    kind: of the optimiser, "sgd" or "adam". bounded: whether the activation is, whose gradients may change less over
    the layers. has_fix: whether a command is named that is predicted to train.
    """

    layers: tuple[PredictedLayer, ...] = ()
    kind: str = "sgd"
    bounded: bool = False
    has_fix: bool = False


def read_prediction(run: Run) -> Prediction:
    found = run.forecast
    layers = found.get("layers")
    named = [one for one in layers if isinstance(one, dict) and "name" in one] if isinstance(layers, list) else []
    return Prediction(
        tuple(PredictedLayer(str(one["name"]), *(_number(one.get(what)) for what in NUMBERS)) for one in named),
        "adam" if found.get("optimizer") == "adam" else "sgd",
        str(found.get("activation")) in BOUNDED,
        bool(found.get("fix")),
    )


def _number(value: object) -> float | None:
    found = number(value)
    return None if math.isnan(found) else found
