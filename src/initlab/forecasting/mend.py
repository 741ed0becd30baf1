"""The smallest change after which the rule says that a network trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.on_paper import forecast
from initlab.forecasting.rule import NOT, TRAINS, UNSURE
from initlab.init import LSUV, Critical, Kaiming, Orthogonal, Scheme, Xavier
from initlab.limits import ADAM_LR

RECTIFIERS = ("relu", "leaky_relu", "gelu", "silu")  # He's weights are for these, Glorot's for the others
OTHERS = ("tanh", "relu")  # activations to try where no scheme helps
SUITED: dict[str, Scheme] = {"kaiming": Kaiming(), "xavier": Xavier()}
MOST_THERE_ARE = 19  # candidates
MOST_COMPUTED = 2000  # layers of candidates, about 6 s; those of 100 layers or less are all computed
TO_BLAME = 10  # the draw is, where with the scheme for the activation so many times smaller a learning rate does


@dataclass(frozen=True)
class Change:
    """What to type, a word a key; and what the rule predicts then."""

    overrides: tuple[str, ...]
    after: Forecast

    @property
    def trains(self) -> bool:
        return self.after.verdict.word == TRAINS


def changes(found: Forecast) -> Iterator[Change]:
    """Each trains, by the rule, where `found` does not: the simplest first, the next one computed only when asked for.

    The scheme for the activation; the learning rate, where that alone is to blame; both; another scheme; another
    activation; fewer layers; Adam.
    """
    if found.verdict.word in (NOT, UNSURE):
        yield from (change for change in islice(_candidates(found), most_tried(found.depth)) if change.trains)


def most_tried(depth: int) -> int:
    """How many candidates are computed for so many hidden layers; there are `MOST_THERE_ARE` at most."""
    return max(1, MOST_COMPUTED // (depth + 1))


def _candidates(found: Forecast) -> Iterator[Change]:
    here = Change((), found)
    if not found.depth:
        yield from _lr(here)
        return
    suited = suited_scheme(found.phi.name)
    other = found.scheme != SUITED[suited]
    first = _change(here, f"init={suited}", scheme=SUITED[suited]) if other else here
    yield first
    if not _draw_is_to_blame(found, first.after):
        yield from _lr(here)
    yield from _lr(first)
    for name, scheme in _other_schemes(found, suited):
        change = _change(here, f"init={name}", scheme=scheme)
        yield change
        yield from _lr(change)
    for activation in OTHERS:
        scheme = SUITED[suited_scheme(activation)]
        change = _change(here, f"model.activation={activation}", activation=activation)
        change = _change(change, f"init={suited_scheme(activation)}", scheme=scheme)
        yield change
        yield from _lr(change)
    for change in (first, here):
        if 0 < (depth := change.after.carries) < found.depth:
            widths = [*found.widths[: depth + 1], found.widths[-1]]
            shorter = _change(change, f"model.depth={depth}", widths=widths)
            yield shorter
            yield from _lr(shorter)
    if found.kind == "sgd":
        for change in (first, here):
            of_adam = found.rate and replace(found.rate, lr=ADAM_LR, momentum=0.0)
            adam = _change(change, "optimizer=adam", kind="adam", rate=of_adam)
            yield adam
            yield from _lr(adam)


def suited_scheme(activation: str) -> str:
    """The scheme made for it (He et al. 2015; Glorot and Bengio 2010)."""
    return "kaiming" if activation in RECTIFIERS else "xavier"


def _other_schemes(found: Forecast, suited: str) -> Iterator[tuple[str, Scheme]]:
    yield from ((name, scheme) for name, scheme in SUITED.items() if name != suited and scheme != found.scheme)
    yield "orthogonal", Orthogonal()
    with suppress(UserError):  # no critical point
        yield "critical", Critical(activation=found.phi)
    yield "lsuv", LSUV()


def _draw_is_to_blame(found: Forecast, suited: Forecast) -> bool:
    """Whether the learning rate is too small only because the draw leaves so little signal to learn from."""
    if found.effects is None or suited.effects is None or found.rate is None:
        return False
    low, least = (f.effects.window(found.kind, found.rate.momentum).low for f in (found, suited) if f.effects)
    return found.rate.lr < low and low > TO_BLAME * least


def _lr(change: Change) -> Iterator[Change]:
    """At the learning rate nearest to its own that trains; nothing where its own does, or no rate."""
    after = change.after
    if after.verdict.word == TRAINS or after.verdict.other is None or after.rate is None:
        return
    rate = replace(after.rate, lr=after.verdict.other)
    yield _change(change, f"lr={rate.lr:g}", rate=rate)


def _change(before: Change, override: str, **instead: Any) -> Change:
    """One more word, and the forecast with these arguments replaced, with one group of inputs instead of all; a network
    that has none is as it was before."""
    found = before.after
    inputs = replace(found.inputs, squares=(found.inputs.mean_square,))
    asked: dict[str, Any] = {
        "scheme": found.scheme, "activation": found.phi, "widths": found.widths, "bias": found.bias, "kind": found.kind,
        "loss": found.loss, "rate": found.rate,
    }  # fmt: skip
    after = found
    with suppress(ArithmeticError, UserError):  # beyond 64-bit floats; a scheme that this network cannot have
        after = forecast(**(asked | instead), inputs=inputs)
    return Change((*before.overrides, override), after)
