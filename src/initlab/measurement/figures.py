"""What was measured of a module: an entry a draw, nan where there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredLayer:
    """Arrays [draws], of all entries of the layer's output in one batch.

    weights:    whether it mixes its inputs by a matrix: dense, convolution, attention, recurrent, embedding.
    similarity: E[z . z'] / E[z . z] of two rows, see `initlab.monitor.similarity`.
    dead:       share of units that are 0 for the whole batch.
    saturated:  of an activation: share of entries where |phi'| is under 5 % of its maximum.
    grad_std:   std of d loss / d output.
    gradient:   its log10 over that of the last layer with weights before the output layer.
    """

    name: str
    kind: str
    weights: bool
    std: Array
    similarity: Array
    dead: Array
    saturated: Array
    grad_std: Array
    gradient: Array


@dataclass(frozen=True)
class MeasuredParameter:
    """Arrays [draws].

    gradient: log10(|grad| / |parameter|), 2-norms; -inf for no gradient, nan for a parameter that is 0.
    rms:      of its entries.
    """

    name: str
    numel: int
    dims: int
    gradient: Array
    rms: Array


@dataclass(frozen=True)
class Measurement:
    """layers, parameters: the former in order of execution, the latter as registered.

    output: of what the module returns, its first tensor; None where it was not called as a whole.
    loss:   [draws].
    rows:   of the batch.
    notes:  what was assumed or left out, a sentence each.
    """

    module: str
    layers: tuple[MeasuredLayer, ...]
    parameters: tuple[MeasuredParameter, ...]
    output: MeasuredLayer | None
    loss: Array
    rows: int | None
    notes: tuple[str, ...]

    @property
    def draws(self) -> int:
        return len(self.loss)

    @property
    def weight_layers(self) -> tuple[MeasuredLayer, ...]:
        """Those that mix their inputs, in order of execution; the last one is the output layer."""
        return tuple(layer for layer in self.layers if layer.weights)


def middle(values: Array) -> float:
    """The median over draws; nan of none."""
    kept = values[~np.isnan(values)]
    return float(np.median(kept)) if len(kept) else float("nan")


def spread(values: Array) -> float:
    """The standard deviation over draws; nan of fewer than two that are finite."""
    kept = values[np.isfinite(values)]
    return float(kept.std(ddof=1)) if len(kept) > 1 else float("nan")
