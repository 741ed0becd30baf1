"""The smallest change after which the rule says that a network trains."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from initlab.errors import UserError
from initlab.init import LSUV, Critical, Kaiming, Orthogonal, Scheme, Xavier
from initlab.theory.forecast import Forecast, forecast
from initlab.theory.inputs import Inputs
from initlab.theory.rule import TRAINS

OTHERS = ("tanh", "relu")  # activations to try where no scheme helps
SECANTS = 4
AT_MOST = 3  # changes named


@dataclass(frozen=True)
class Change:
    """What to type, and what the rule says then."""

    override: str
    after: Forecast


def changes(found: Forecast, at_most: int = AT_MOST) -> list[Change]:
    """The smallest first: the sigma, the scheme, the optimiser, the depth, the activation."""
    if found.verdict.word == TRAINS:
        return []
    kept: list[Change] = []
    for change in _candidates(found):
        if change.after.verdict.word == TRAINS:
            kept.append(change)
        if len(kept) == at_most:
            break
    return kept


def _candidates(found: Forecast) -> Iterator[Change]:
    if hasattr(found.scheme, "sigma"):
        after = _other_sigma(found)
        yield Change(f"init.sigma={after.scheme.sigma:.2g}", after)  # type: ignore[attr-defined]
    good = None
    for name, scheme in _schemes(found):
        after = _again(found, scheme=scheme)
        if after.verdict.word == TRAINS:
            good = Change(f"init={name}", after)
            yield good
            break
    if found.kind == "sgd" and found.layers:
        yield Change("optimizer=adam", _again(found, kind="adam"))
    if found.carries:
        widths = [*found.widths[: found.carries + 1], found.widths[-1]]
        yield Change(f"model.depth={found.carries}", _again(found, widths=widths))
    if good is None:
        for activation in OTHERS:
            yield Change(
                f"model.activation={activation} init=kaiming", _again(found, activation=activation, scheme=Kaiming())
            )


def _schemes(found: Forecast) -> Iterator[tuple[str, Scheme]]:
    yield from (("kaiming", Kaiming()), ("xavier", Xavier()), ("orthogonal", Orthogonal()))
    with suppress(UserError):  # no critical point
        yield "critical", Critical(activation=found.phi)
    yield "lsuv", LSUV()


def _again(found: Forecast, **instead: Any) -> Forecast:
    """For the verdict alone: one group of inputs instead of all, no pairs."""
    inputs = Inputs((found.inputs.mean_square,), found.inputs.similarity, found.inputs.source)
    asked: dict[str, Any] = {
        "scheme": found.scheme, "activation": found.phi, "widths": found.widths, "bias": found.bias, "kind": found.kind,
    }  # fmt: skip
    return forecast(**(asked | instead), inputs=inputs, pairs=False)


def _other_sigma(found: Forecast) -> Forecast:
    """decades = 0, by secants in log sigma; rounded to the two digits that are told."""
    scheme: Any = found.scheme
    hidden = max(found.widths[1:-1])
    sigma = math.sqrt(1 / hidden)
    points: list[tuple[float, float]] = []
    after = found
    for _ in range(SECANTS):
        sigma = float(f"{min(max(sigma, 1e-6), 1e3):.2g}")
        after = _again(found, scheme=replace(scheme, sigma=sigma))
        points.append((math.log(sigma), after.decades))
        if abs(after.decades) < 0.3 or not np.isfinite(after.decades):
            break
        if len(points) == 1:
            slope = max(len(found.widths) - 3, 1) / math.log(10)
        else:
            (x0, y0), (x1, y1) = points[-2:]
            slope = (y1 - y0) / (x1 - x0) if x1 != x0 else slope
        sigma = math.exp(points[-1][0] - points[-1][1] / slope) if slope else sigma
    return after
