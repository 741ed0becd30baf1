"""What the theory says of a map of a phase diagram: the critical line, six xi, the limits of the rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from omegaconf import OmegaConf

from initlab.forecasting import Forecast
from initlab.forecasting.from_config import forecast_run
from initlab.init import MeanField
from initlab.limits import limits_of
from initlab.runs.open_run import Run
from initlab.theory.correlation import correlation_depth

SIGMA_W, SIGMA_B, DEPTH = "init.sigma_w", "init.sigma_b", "model.depth"
AXES = ((SIGMA_W, DEPTH), (SIGMA_W, SIGMA_B))  # x and y of a map
POINTS, PLANE = 25, 13  # on a side; of the plane, with a forecast at each
XI = 6  # times which networks still train (Schoenholz et al. 2017, figure 5)


@dataclass(frozen=True)
class Level:
    """The line on which `values` [y, x] are `at`, over the places x and y."""

    label: str
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    at: float


def levels(run: Run, across: str, up: str, x: tuple[float, float], y: tuple[float, float]) -> list[Level]:
    """Of the network of `run` as these two keys vary between those ends.

    Raises:
        KeyError: it has no sigma_w and sigma_b.
    """
    settings = OmegaConf.to_container(run.config, resolve=True)
    assert isinstance(settings, dict)
    given = {key: float(settings["init"][key.rsplit(".", 1)[1]]) for key in (SIGMA_W, SIGMA_B)}
    points = POINTS if up == DEPTH else PLANE
    xs = np.linspace(max(x[0], 0.0), x[1], points)
    if up == DEPTH:
        ys = np.geomspace(*y, POINTS)
        found = [_forecast(run, given | {SIGMA_W: value}, round(y[1])) for value in xs]
        chi = np.broadcast_to([math.log10(one.chi) for one in found], (POINTS, POINTS))
        xi = [correlation_depth(found[0].phi, value, given[SIGMA_B]) for value in xs]
        decades = np.stack([_decades_of_depth(one, ys) for one in found], axis=1)
        kind, six = found[0].kind, [Level(f"{XI} xi", xs, ys, ys[:, None] / (XI * np.array(xi))[None], 1.0)]
    else:
        ys = np.linspace(max(y[0], 0.0), y[1], points)
        depth = int(settings["model"]["depth"])
        grid = [[_forecast(run, {SIGMA_W: a, SIGMA_B: b}, depth) for a in xs] for b in ys]
        chi, decades = (
            np.array([[value(one) for one in row] for row in grid])
            for value in (lambda one: math.log10(one.chi), lambda one: one.decades)
        )
        kind, six = grid[0][0].kind, []
    low, high = limits_of(kind, bounded=False)
    return [
        Level("chi = 1", xs, ys, chi, 0.0),
        *six,
        Level("limit of the rule", xs, ys, decades, low),
        Level("limit of the rule", xs, ys, decades, high),
    ]


def _forecast(run: Run, sigmas: Mapping[str, float], depth: int) -> Forecast:
    config = run.config.copy()
    config.model.depth, config.model.num_hiddens = depth, None
    return forecast_run(config, scheme=MeanField(sigma_w=sigmas[SIGMA_W], sigma_b=sigmas[SIGMA_B]), pairs=False)


def _decades_of_depth(deepest: Forecast, depths: np.ndarray) -> np.ndarray:
    """log10(g_1 / g_d) of the networks cut off behind layer d, of which each gradient is that of the deepest over that
    of its own last hidden layer."""
    decades = np.array([math.log10(layer.grad) if layer.grad else -math.inf for layer in deepest.layers[:-1]])
    at = np.arange(1, len(decades) + 1)
    return np.asarray(decades[0] - np.interp(depths, at, decades))
