"""What a run's monitor remembers: a bounded number of figures, however long the run."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DENSE_STEPS = 100  # the steps of the beginning that are never thinned
LATER_POINTS = 800  # kept of each series after those; 16 bytes each
LATER_HISTOGRAMS = 100  # kept of each layer after those


@dataclass(frozen=True)
class Histogram:
    """How the entries of a layer's output lie at one step: `counts` of equal bins from `low` to `high`.

    Bin i holds low + i w <= x < low + (i + 1) w, w = (high - low) / len(counts); the last one `high` too.
    """

    step: int
    layer: str
    low: float
    high: float
    counts: tuple[int, ...]


class History:
    """The rows and histograms of a run, in memory.

    Each series, (layer, quantity) -> (steps, values), holds every point of the first 100 steps and at most 800 later
    ones: when those are full every second goes, and from then on every second newcomer is left out. So what is left
    lies evenly over the run, and series recorded at the same steps are thinned to the same steps.
    """

    def __init__(self, later_points: int = LATER_POINTS, later_histograms: int = LATER_HISTOGRAMS) -> None:
        self._later = (later_points, later_histograms)
        self._rows: dict[str, dict[str, _Thinned]] = {}  # quantity -> layer -> points
        self._histograms: dict[str, _Thinned] = {}  # layer -> histograms

    def add(self, rows: Iterable[Mapping[str, Any]], histograms: Iterable[Histogram] = ()) -> None:
        """Take in rows {"step", "layer", "quantity", "value"} and histograms, in order of their steps."""
        for row in rows:
            layers = self._rows.setdefault(row["quantity"], {})
            series = layers.get(row["layer"])
            if series is None:
                series = layers[row["layer"]] = _Thinned(self._later[0], array("d"), array("d"))
            series.add(row["step"], row["value"])
        for histogram in histograms:
            kept = self._histograms.get(histogram.layer)
            if kept is None:
                kept = self._histograms[histogram.layer] = _Thinned(self._later[1], [], [])
            kept.add(histogram.step, histogram)

    @property
    def quantities(self) -> list[str]:
        """Of which there is at least one row."""
        return list(self._rows)

    def layers(self, quantity: str) -> list[str]:
        """Those with rows of that quantity: layers as they are executed, parameters as they are registered."""
        return list(self._rows.get(quantity, {}))

    def series(self, layer: str, quantity: str) -> tuple[list[int], list[float]]:
        """Steps, ascending, and the value at each; both empty where nothing was recorded."""
        points = self._rows.get(quantity, {}).get(layer)
        return points.points() if points else ([], [])

    def histograms(self, layer: str) -> list[Histogram]:
        """By step, ascending."""
        kept = self._histograms.get(layer)
        return kept.points()[1] if kept else []


class _Thinned:
    """Points (step, value): all of the first steps, and of the later ones every 2^k-th that came."""

    def __init__(self, limit: int, early: Any, later: Any) -> None:
        self._limit = limit
        self._early, self._later = early, later  # values
        self._early_steps, self._later_steps = array("q"), array("q")
        self._stride = 1
        self._came = 0  # later points offered so far

    def add(self, step: int, value: Any) -> None:
        if step < DENSE_STEPS:
            self._early_steps.append(step)
            self._early.append(value)
            return
        if self._came % self._stride == 0:
            if len(self._later) == self._limit:
                self._later, self._later_steps = self._later[::2], self._later_steps[::2]
                self._stride *= 2
            if self._came % self._stride == 0:
                self._later_steps.append(step)
                self._later.append(value)
        self._came += 1

    def points(self) -> tuple[list[int], list[Any]]:
        return [*self._early_steps, *self._later_steps], [*self._early, *self._later]
