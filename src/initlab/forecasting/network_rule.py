"""Will anybody's network train? The rule on what one pass through it measures, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from initlab.forecasting.rates import STEPS
from initlab.forecasting.rule import NOT, SUITABLE, TRAINS, UNKNOWN, UNSURE, Verdict
from initlab.limits import GAINED, LOST
from initlab.measurement import MeasuredLayer, Measurement, middle

BACKWARD = {  # decades; of dense chains, but for a plain network's small gradients, which a convolution feels earlier
    "sgd": (-1.4, GAINED["sgd"]),
    "adam": (LOST["adam"], GAINED["adam"]),
}
BACKWARD_NORMALISED = {"sgd": (-3.0, 3.0), "adam": (LOST["adam"], GAINED["adam"])}  # each layer sets its own scale
FORWARD = {"sgd": (-2.5, 1.8), "adam": (-5.0, 3.0)}  # decades; where nothing normalises
EDGE = 0.2  # decades to either side of a limit: too near to call
ALIKE = 0.99999  # similarity of two inputs behind the last hidden layer, above which no step tells them apart
STEP = 0.3, 1.0  # share of a weight that the first step changes: from the first it may, from the second it is too much
TOO_LITTLE = 0.01  # share of a weight, the one that moves most, that 200 such steps change at most
ALL_DEAD = 0.99  # share of dead units in a layer


@dataclass(frozen=True)
class Features:
    """What the rule looks at: medians over the draws; nan: not measured.

    forward:      log10(std of the last hidden layer's output / of the first one's); hidden are the layers with weights
        but the last.
    backward:     log10 of the gradient with respect to the output, of the first over the last one of these.
    similarity:   of two inputs, the largest behind any of them.
    last_similarity: behind the last.
    disagreement: std over weight matrices of log10(|grad W| / |W|).
    apart:        std of the outputs times sqrt(1 - their similarity): how far those of two inputs lie apart.
    normalised:   whether a normalisation layer was called.
    dead:         largest share of dead units in a layer.
    finite:       whether all is, in every draw.
    hidden:       how many such layers there are.
    """

    forward: float
    backward: float
    similarity: float
    last_similarity: float
    disagreement: float
    apart: float
    normalised: bool
    dead: float
    finite: bool
    hidden: int


def features_of(found: Measurement) -> Features:
    layers = found.weight_layers
    hidden = layers[:-1]
    first, last = (hidden[0], hidden[-1]) if hidden else (None, None)
    alike = [middle(layer.similarity) for layer in hidden]
    matrices = [middle(p.gradient) for p in found.parameters if p.dims > 1]
    rates = [rate for rate in matrices if math.isfinite(rate)]
    output = found.output or (layers[-1] if layers else found.layers[-1])
    return Features(
        forward=(-math.inf if middle(last.std) == 0 else decades(last.std, first.std)) if first and last else 0.0,
        backward=decades(first.grad_std, last.grad_std) if first and last else 0.0,
        similarity=_largest(alike),
        last_similarity=alike[-1] if alike else math.nan,
        disagreement=float(np.std(rates)) if len(rates) > 1 else 0.0,
        apart=middle(output.std) * math.sqrt(max(0.0, 1 - middle(output.similarity))),
        normalised=any("norm" in layer.kind.lower() for layer in found.layers),
        dead=_largest([middle(layer.dead) for layer in found.layers]),
        finite=bool(np.isfinite(found.loss).all()) and all(_finite(layer) for layer in found.layers),
        hidden=len(hidden),
    )


def decades(above: np.ndarray, below: np.ndarray) -> float:
    """The median over draws of the log10 of the ratio; nan for 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return middle(np.log10(above) - np.log10(below))


def judge_network(features: Features, kind: str = "sgd") -> Verdict:
    """`kind`: "sgd" or "adam". With a suitable learning rate."""
    f, low, high = features, *limits(features, kind)
    who = "Adam" if kind == "adam" else "SGD"
    if not f.finite:
        return Verdict(NOT, "nan or inf in its first pass", "")
    if f.dead > ALL_DEAD or f.forward == -math.inf:
        return Verdict(NOT, "all units of a layer are 0 for the whole batch", "")
    if math.isnan(f.forward) or math.isnan(f.backward):
        return Verdict(UNKNOWN, "no gradient of its hidden layers was seen", "")
    if f.last_similarity > ALIKE:
        return Verdict(NOT, "its hidden layers no longer tell two inputs apart", "")
    inside = {
        f"the first layer's gradient is {_times(f.backward)} the last one's": _inside(f.backward, low, high),
    }
    if not f.normalised:
        inside[f"the last hidden layer's output is {_times(f.forward)} the first one's"] = _inside(
            f.forward, *FORWARD[kind]
        )
    why, margin = min(inside.items(), key=lambda item: item[1])
    if abs(margin) < EDGE:
        return Verdict(UNSURE, f"{why}, near the limit for {who}", "", SUITABLE)
    if margin < 0:
        return Verdict(NOT, f"{why}, too far off for {who}", "")
    return Verdict(TRAINS, why, "", SUITABLE)


def judge_lr(found: Verdict, measured: Measurement, kind: str, lr: float | None) -> Verdict:
    """`found`: with a suitable rate. At `lr`, by the share of each weight matrix that the first step changes."""
    matrices = {p.name: p for p in measured.parameters if p.dims > 1}
    if lr is None or found.word in (NOT, UNKNOWN) or not matrices:
        return found
    with np.errstate(divide="ignore"):
        shares = {n: middle(1 / p.rms if kind == "adam" else 10**p.gradient) * lr for n, p in matrices.items()}
    name = max(shares, key=lambda n: -1.0 if math.isnan(shares[n]) else shares[n])
    share, at = shares[name], f"at lr {lr:g}"
    if share * STEPS < TOO_LITTLE:
        return Verdict(NOT, f"{STEPS} such steps change no weight by {TOO_LITTLE:.0%}", "", at)
    if share > STEP[0]:
        why = f"the first step changes {name} by {share:.2g} of its size"
        return Verdict(NOT if share > STEP[1] else UNSURE, why, "", at)
    return replace(found, rate=at)


def limits(features: Features, kind: str) -> tuple[float, float]:
    """Of `backward`."""
    return (BACKWARD_NORMALISED if features.normalised else BACKWARD)[kind]


def where_it_dies(found: Measurement, backward: tuple[float, float], forward: tuple[float, float] | None) -> str:
    """The first layer, on the way forwards or backwards, that is as far from where it began as these limits allow, in
    decades; forward: None where that does not count."""
    broken = next((layer.name for layer in found.layers if np.isinf(layer.std).any()), None)
    if broken is not None:
        return f"nan or inf comes first out of {broken}"
    hidden = found.weight_layers[:-1]
    ways = [] if forward is None else [("the signal", hidden, [layer.std for layer in hidden], forward)]
    back = hidden[::-1]
    ways.append(("the gradient on its way back", back, [layer.grad_std for layer in back], backward))
    says = []
    for what, layers, sizes, (low, high) in ways:
        values = [decades(size, sizes[0]) for size in sizes]
        lost = next((layer.name for layer, x in zip(layers, values, strict=True) if x < low), None)
        grown = next((layer.name for layer, x in zip(layers, values, strict=True) if x > high), None)
        if lost is not None:
            says.append(f"{what} is down to 1/{10**-low:,.0f} at {lost}")
        if grown is not None:
            says.append(f"{what} has grown {10**high:,.0f} times at {grown}")
    return "; ".join(says)


def _inside(x: float, low: float, high: float) -> float:
    return min(x - low, high - x)


def _times(x: float) -> str:
    if not math.isfinite(x):
        return "nothing of" if x < 0 else "infinitely many times"
    return f"{10**x:.2g} times" if -2 <= x <= 3 else f"10^{x:.1f} {'of' if x < 0 else 'times'}"


def _largest(values: list[float]) -> float:
    return max((v for v in values if not math.isnan(v)), default=math.nan)


def _finite(layer: MeasuredLayer) -> bool:
    """nan where it was not called in a draw, or has no gradient; a std that is not finite has a sample behind it."""
    return not np.isinf(layer.std).any()
