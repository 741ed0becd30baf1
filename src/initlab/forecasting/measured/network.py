"""Will anybody's network train? Answered from one pass forwards and back, before it trains."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from initlab.batch import Batch, batch_for
from initlab.checks.rule import did_you_mean
from initlab.checks.rules import check
from initlab.console import Column
from initlab.errors import UserError
from initlab.forecasting.answer import Answer
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.measured.branches import normalises_its_whole_signal
from initlab.forecasting.measured.chain import theory_of
from initlab.forecasting.measured.fix import NetworkFix, fix_of
from initlab.forecasting.measured.rule import (
    ABSTAINS,
    LAYER_NORMS,
    Features,
    features_of,
    judge_lr,
    judge_network,
    where_it_dies,
)
from initlab.forecasting.rates import is_bounded
from initlab.forecasting.rule import NOT, TRAINS, UNKNOWN, UNSURE, Verdict
from initlab.limits import limits_of
from initlab.measurement import (
    Loss,
    MeasuredLayer,
    Measurement,
    Redraw,
    draw_again,
    layers_of,
    measure_module,
    middle,
    spread,
    unwrapped,
)
from initlab.numbers import first_call

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("sgd", "adam")
FURTHEST = range(1, 13)  # powers of ten by which another learning rate may differ
LEGEND = (
    "std: of the layer's output; alike: of two inputs of the batch, 1: the layer no longer tells them apart; gradient: "
    "log10 of that with respect to the output, over that of the last layer with weights before the output layer; "
    "+-: from draw to draw, of a std in decades"
)
ZERO_HEAD = (
    "{} begins at 0, so that the first step moves no other layer; measured with its weights drawn by reset_parameters()"
)


@dataclass(frozen=True)
class NetworkForecast(Answer):
    """The answer, and what it rests on.

    fix:    what would make it train, tried and measured; None where it trains, or nothing helped, or none was sought.
    theory: of a chain of dense layers, whose verdict is the theory's; None for any other network.
    limits: of `features.backward`, in which the theory lets a chain of dense layers train; None for any other network.
    """

    verdict: Verdict
    features: Features
    measurement: Measurement
    dies: str
    fix: NetworkFix | None
    theory: Forecast | None
    kind: str
    lr: float | None
    limits: tuple[float, float] | None
    notes: tuple[str, ...]

    @property
    def layers(self) -> tuple[MeasuredLayer, ...]:
        """In order of execution."""
        return self.measurement.layers

    @property
    def title(self) -> str:
        return self.measurement.module

    def details(self) -> list[str]:
        return [f"fix: {self.fix}"] if self.fix is not None else []

    def columns(self) -> list[Column]:
        """A line a layer."""
        layers = self.layers
        several = self.measurement.draws > 1
        every = [
            Column("layer", [layer.name for layer in layers], right=False),
            Column("kind", [layer.kind for layer in layers], right=False, rank=2),
            Column("std", [_number(middle(layer.std), ".3g") for layer in layers]),
            Column("+-", [_number(spread(_log10(layer)), ".2f") for layer in layers], rank=3),
            Column("alike", [_number(middle(layer.similarity), ".3f") for layer in layers]),
            Column("dead", [_share(middle(layer.dead)) for layer in layers], rank=1),
            Column("saturated", [_share(middle(layer.saturated)) for layer in layers], rank=1),
            Column("gradient", [_number(middle(layer.gradient), "+.2f") for layer in layers]),
            Column("+- ", [_number(spread(layer.gradient), ".2f") for layer in layers], rank=3),
        ]
        return [column for column in every if several or not column.heading.startswith("+-")]

    def plot(self) -> Figure:
        """Each layer's std, and the gradient that comes back to it."""
        from initlab.plots.measured_layers import measured_figure

        return measured_figure(self.measurement, self.limits)

    def __str__(self) -> str:
        return self.as_text()

    def numbers(self) -> dict[str, Any]:
        return {
            "fix": self.fix and {"change": self.fix.says, "forecast": self.fix.verdict.says},
            "features": asdict(self.features),
            "module": self.measurement.module,
            "lr": self.lr,
            "rows": self.measurement.rows,
            "draws": self.measurement.draws,
            "notes": list(self.notes),
            "layers": [
                {"name": layer.name, "kind": layer.kind}
                | {
                    what: middle(getattr(layer, what))
                    for what in ("std", "similarity", "dead", "saturated", "gradient")
                }
                | {
                    "std_spread": spread(np.log10(np.maximum(layer.std, 1e-300))),
                    "gradient_spread": spread(layer.gradient),
                }
                for layer in self.layers
            ],
        }


def forecast_module(
    module: nn.Module,
    batch: Any,
    loss: Loss = None,
    *,
    draws: int = 8,
    redraw: Redraw = None,
    optimizer: str = "sgd",
    lr: float | None = None,
    seed: int = 0,
    fix: bool = True,
) -> NetworkForecast:
    """Measure it on the batch, see `initlab.measurement.measure_module`, and judge what was measured.

    optimizer: "sgd", with momentum, or "adam", for each whose step does not shrink with the gradient.
    lr:        None: the verdict is for a suitable one.
    fix:       whether to seek the smallest change after which it trains, where it does not.
    """
    if optimizer not in KINDS:
        raise UserError(f'optimizer={optimizer}: must be "sgd" or "adam"{did_you_mean(optimizer, KINDS)}')
    if lr is not None:
        check("lr", lr)
    module = unwrapped(module)
    found = measure_module(module, batch, loss, draws=draws, redraw=redraw, seed=seed)
    taken, notes = batch_for(module, batch), list(found.notes)
    if (head := _zero_head(module, found)) is not None:
        redraw = _with_drawn(head, redraw, taken, seed)
        found = measure_module(module, batch, loss, draws=draws, redraw=redraw, seed=seed)
        notes.append(ZERO_HEAD.format(found.weight_layers[-1].name))

    passes_norms = cache(lambda: _passes_norms(module, taken))  # a forward pass for each LayerNorm

    def judged(
        measured: Measurement, drawn: Redraw, kind: str, rate: float | None = lr
    ) -> tuple[Verdict, Forecast | str | None]:
        theory = theory_of(module, taken, measured, drawn, kind, rate)
        if isinstance(theory, Forecast):
            return theory.verdict, theory
        features = features_of(measured)
        verdict = judge_network(features, kind)
        if features.layer_norm and verdict.record and passes_norms():
            return Verdict(UNKNOWN, ABSTAINS, ""), theory
        return judge_lr(verdict, measured, kind, rate), theory

    verdict, theory = judged(found, redraw, optimizer)
    if isinstance(theory, str):
        notes.append(theory)
        theory = None
    better = None
    if fix and verdict.word in (NOT, UNSURE):
        for rate in _other_rates(lr):
            if (after := judged(found, redraw, optimizer, rate)[0]).word == TRAINS:
                better = NetworkFix(f"lr={rate:g}", after)
                break
        judge = lambda *question: judged(*question)[0]  # noqa: E731
        better = better or fix_of(module, batch, loss, redraw, optimizer, seed, found, judge)
    features = features_of(found)
    between = limits_of(optimizer, is_bounded(theory.phi)) if theory else None
    ends = "" if verdict.word == TRAINS else where_it_dies(found, optimizer, features.normalised)
    return NetworkForecast(
        verdict, features, found, ends, better, theory, optimizer, lr, between, tuple(dict.fromkeys(notes))
    )


def _passes_norms(module: nn.Module, batch: Batch) -> bool:
    """Whether its whole signal is normalised again and again; of a copy with layer normalisation put in it is."""
    if not any(type(part).__name__ in LAYER_NORMS for part in module.modules()):
        return True
    try:
        return normalises_its_whole_signal(module, batch)
    except Exception:  # a module that does not run on few rows, or with a layer silenced
        return False


def _other_rates(lr: float | None) -> list[float]:
    """The nearest first."""
    return [] if not lr else [float(f"{lr * 10**power:.1g}") for decades in FURTHEST for power in (-decades, decades)]


def _zero_head(module: nn.Module, found: Measurement) -> nn.Module | None:
    """The output layer, if its weights are 0 and hidden layers get no gradient for that."""
    layers = found.weight_layers
    if len(layers) < 2 or not all(middle(layer.grad_std) == 0 for layer in layers[:-1]):
        return None
    known = layers_of(module)
    head = known[first_call(layers[-1].name, known)]
    zero = all(not bool(p.any()) for p in head.parameters() if p.dim() > 1)
    return head if zero and hasattr(head, "reset_parameters") else None


def _with_drawn(head: Any, redraw: Redraw, batch: Batch, seed: int) -> Redraw:
    number = iter(range(10**9))

    def draw(module: nn.Module) -> None:
        if redraw is not None:
            draw_again(module, redraw, batch, next(number), seed, lambda text: None)
        head.reset_parameters()

    return draw


def _number(x: float, form: str) -> str:
    return "" if math.isnan(x) else format(x, form)


def _share(x: float) -> str:
    return "" if math.isnan(x) else f"{x:.0%}"


def _log10(layer: MeasuredLayer) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(layer.std))
