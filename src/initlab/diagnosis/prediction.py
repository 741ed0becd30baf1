"""What was predicted of a run's layers, read from the forecast.json in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initlab.diagnosis.outline import BOUNDED
from initlab.runs import Run


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


def read_prediction(folder: str | Path) -> list[PredictedLayer]:
    """In order, the output layer last; [] where there is no forecast or it is not one."""
    try:
        layers = Run.lenient(Path(folder)).forecast["layers"]
        return [
            PredictedLayer(**{field: layer[field] for field in PredictedLayer.__dataclass_fields__}) for layer in layers
        ]
    except (KeyError, TypeError):
        return []


def predicted_as_bounded(folder: str | Path) -> bool:
    """Whether the forecast there is of a bounded activation, whose gradients may change less over the layers."""
    return str(Run.lenient(Path(folder)).forecast.get("activation")) in BOUNDED
