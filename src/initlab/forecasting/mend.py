"""The smallest change after which the rule says that a network trains."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast, forecast
from initlab.forecasting.rule import TRAINS
from initlab.init import LSUV, Critical, Kaiming, Orthogonal, Scheme, Xavier

OTHERS = ("tanh", "relu")  # activations to try where no scheme helps
ADAM_LR = 0.001  # of configs/optimizer/adam.yaml
SECANTS = 4
AT_MOST = 3  # changes named


@dataclass(frozen=True)
class Change:
    """What to type, and what the rule predicts then."""

    override: str
    after: Forecast


def changes(found: Forecast, at_most: int = AT_MOST) -> list[Change]:
    """The smallest first: the learning rate, the sigma, the scheme, the optimiser, the depth, the activation; with a
    learning rate that trains where the run's own does not."""
    if found.verdict.word == TRAINS:
        return []
    kept: list[Change] = []
    for change in map(_with_rate, _candidates(found)):
        own_rate = change.after.rate == found.rate or change.override.startswith(("lr=", "optimizer="))
        if change.after.verdict.word == TRAINS and (own_rate or not found.verdict.other):
            kept.append(change)
        if len(kept) == at_most:
            break
    return kept


def _with_rate(change: Change) -> Change:
    """Judged at the run's learning rate, or the one nearest to it that trains."""
    if change.after.verdict.word != TRAINS:
        return change
    after = _again(change.after, pairs=True)
    if after.verdict.other is None or after.rate is None:
        return Change(change.override, after)
    rate = replace(after.rate, lr=after.verdict.other)
    override = change.override.removesuffix(f" lr={ADAM_LR:g}")
    return Change(f"{override} lr={rate.lr:g}", _again(after, pairs=True, rate=rate))


def _candidates(found: Forecast) -> Iterator[Change]:
    if found.verdict.other is not None and found.rate:
        rate = replace(found.rate, lr=found.verdict.other)
        yield Change(f"lr={rate.lr:g}", _again(found, rate=rate))
    if not found.depth:
        return
    if hasattr(found.scheme, "sigma"):
        after = _other_sigma(found)
        yield Change(f"init.sigma={after.scheme.sigma:.2g}", after)  # type: ignore[attr-defined]
    good = None
    for name, scheme in _schemes(found):
        if scheme == found.scheme:
            continue
        after = _again(found, scheme=scheme)
        if after.verdict.word == TRAINS:
            good = Change(f"init={name}", after)
            yield good
            break
    if found.kind == "sgd" and found.layers:
        of_adam = found.rate and replace(found.rate, lr=ADAM_LR, momentum=0.0)
        yield Change(f"optimizer=adam lr={ADAM_LR:g}", _again(found, kind="adam", rate=of_adam))
    if 0 < found.carries < found.depth:
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
    """For the verdict alone: one group of inputs instead of all, and no pairs unless told."""
    inputs = replace(found.inputs, squares=(found.inputs.mean_square,))
    asked: dict[str, Any] = {
        "scheme": found.scheme, "activation": found.phi, "widths": found.widths, "bias": found.bias, "kind": found.kind,
        "loss": found.loss, "rate": found.rate, "pairs": False,
    }  # fmt: skip
    return forecast(**(asked | instead), inputs=inputs)


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
