"""Will anybody's network train? The rule on what one pass through it measures, in one place.

pull = the mean over the weight matrices of log10(|gradient| / |weight|): by which share of its size a step of learning
rate 1 changes a matrix. Between its limits there is a learning rate at which the layers move neither too little nor too
much. What normalises its signal needs no rule of its own: a weight that is followed by a normalisation has a gradient
the larger the smaller it is.

amplified = log10 of the gradient with respect to the first layer's output, over that with respect to the output of the
network. Above its limit a small change early on is a large one at the end, in saturated (chaotic) networks.

Fitted to docs/data/network_evidence.csv, the runs of scripts/network_evidence.py; `python
scripts/network_evidence.py table` fits the limits without each family of networks in turn and judges that one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from initlab.forecasting.rates import STEPS
from initlab.forecasting.rule import NOT, SUITABLE, TRAINS, UNKNOWN, UNSURE, Verdict
from initlab.limits import GAINED, LOST
from initlab.measurement import MeasuredLayer, MeasuredParameter, Measurement, middle

PULL = {"sgd": (-2.8, 1.6), "adam": (-5.8, 2.7)}  # decades; with rates of 0.002 to 0.2 and momentum, 0.0004 to 0.01
AMPLIFIED = {"sgd": 1.9, "adam": 1.4}  # decades, at most
EDGE = 0.3  # decades to either side of a limit: too near to call
REACHED = 0.5  # share of the weight matrices that must get a gradient
STEP = 0.3, 1.0  # share of a weight that the first step changes: from the first it may, from the second it is too much
TOO_LITTLE = 0.01  # share of a weight, the one that moves most, that 200 such steps change at most
HELD_OUT = {"sgd": (200, 200, 216), "adam": (202, 212, 216)}  # right, clear, networks of the families that are judged
FAMILIES = 9
ABSTAINS = (  # dense layers with LayerNorm and post-LN transformers: of 96 clear verdicts 83 were right
    "its whole signal passes several layer normalisations, as in a post-LN transformer, and of such networks the rule "
    "is too often wrong"
)
LAYER_NORMS = ("LayerNorm", "RMSNorm")


@dataclass(frozen=True)
class Features:
    """What the rule looks at, and two numbers by which it says where a signal is lost: medians over the draws.

    pull:       mean over the weight matrices of log10(|grad W| / |W|), those aside that get no gradient; nan: of none.
    amplified:  log10 of the gradient with respect to the first such layer's output over that of the last one's.
    reached:    share of the weight matrices that get a gradient.
    at_zero:    the first parameter, no bias, that begins at 0 and gets a gradient, so that what is behind it gets one
        only after the first step: an output layer, the gate of a branch; "" if there is none.
    finite:     whether all is, in every draw.
    forward:    log10(std of the last hidden layer's output / of the first one's); hidden are the layers with weights
        but the last.
    backward:   log10 of the gradient with respect to the output, of the first over the last one of these.
    normalised: whether a normalisation layer was called; layer_norm: one over the units of a row.
    hidden:     how many hidden layers there are.
    """

    pull: float
    amplified: float
    reached: float
    at_zero: str
    finite: bool
    forward: float
    backward: float
    normalised: bool
    layer_norm: bool
    hidden: int


def features_of(found: Measurement) -> Features:
    hidden = found.weight_layers[:-1]
    first, last = (hidden[0], hidden[-1]) if hidden else (None, None)
    pulls = [middle(p.gradient) for p in found.parameters if p.dims > 1]
    pulls = [pull for pull in pulls if not math.isnan(pull)]
    some = [pull for pull in pulls if math.isfinite(pull)]
    return Features(
        pull=float(np.mean(some)) if some else math.nan,
        amplified=decades(first.grad_std, found.weight_layers[-1].grad_std) if first else 0.0,
        reached=len(some) / len(pulls) if pulls else math.nan,
        at_zero=next((p.name for p in found.parameters if _begins_at_zero(p)), ""),
        finite=bool(np.isfinite(found.loss).all()) and all(_finite(layer) for layer in found.layers),
        forward=decades(last.std, first.std) if first and last else 0.0,
        backward=decades(first.grad_std, last.grad_std) if first and last else 0.0,
        normalised=any("norm" in layer.kind.lower() for layer in found.layers),
        layer_norm=any(layer.kind in LAYER_NORMS for layer in found.layers),
        hidden=len(hidden),
    )


def decades(above: np.ndarray, below: np.ndarray) -> float:
    """The median log10 of the ratio over draws; -inf where `above` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(above == 0, -math.inf, np.log10(above) - np.log10(below))
    return middle(ratios)


def judge_network(features: Features, kind: str = "sgd") -> Verdict:
    """`kind`: "sgd" or "adam". With a suitable learning rate."""
    if not features.finite:
        return Verdict(NOT, "nan or inf in its first pass", "")
    if features.reached < REACHED and features.at_zero:
        why = f"{features.at_zero} begins at 0, so that the first step moves only some of its weights"
        return Verdict(UNKNOWN, why, "")
    if features.reached < REACHED:
        return Verdict(NOT, f"no gradient reaches {1 - features.reached:.0%} of its weight matrices", "")
    if math.isnan(features.pull):
        return Verdict(UNKNOWN, "no gradient of a weight matrix was seen", "")
    low, high = PULL[kind]
    who = "Adam" if kind == "adam" else "SGD"
    least, most, largest = _share(low), _share(high), _share(AMPLIFIED[kind])
    size = f"the gradients are {_share(features.pull)} of the size of the weights"
    grows = f"the gradient with respect to the first layer is {_share(features.amplified)} times that to the output"
    margin, why, end = min(
        (features.pull - low, size, f"{least} or more"),
        (high - features.pull, size, f"{most} or less"),
        (AMPLIFIED[kind] - np.nan_to_num(features.amplified), grows, f"{largest} or less"),
    )
    word = UNSURE if abs(margin) < EDGE else TRAINS if margin > 0 else NOT
    if word == TRAINS:
        why = f"{size} ({who} copes with {least} to {most})"
    else:
        why = f"{why}, {'too far off to learn' if word == NOT else 'near the limit'} ({who} needs {end})"
    return Verdict(word, why, record(kind), "" if word == NOT else SUITABLE)


def record(kind: str) -> str:
    """How often the rule was right, of networks whose family had no part in its limits."""
    right, clear, networks = HELD_OUT[kind]
    return (
        f"of {networks} small networks of {FAMILIES} families, each held out with its family, {clear} got a clear "
        f"verdict and {right} of these were right; to train is half of held-out images right after {STEPS} steps"
    )


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


def where_it_dies(found: Measurement, kind: str, normalised: bool) -> str:
    """The first layer, on the way forwards or backwards, whose signal or gradient is as far from where it began as
    dense chains may be; a signal that is normalised is not asked."""
    low, high = LOST[kind], GAINED[kind]
    broken = next((layer.name for layer in found.layers if np.isinf(layer.std).any()), None)
    if broken is not None:
        return f"nan or inf comes first out of {broken}"
    hidden = found.weight_layers[:-1]
    ways = [] if normalised else [("the signal", hidden, [layer.std for layer in hidden])]
    back = hidden[::-1]
    ways.append(("the gradient on its way back", back, [layer.grad_std for layer in back]))
    says = []
    for what, layers, sizes in ways:
        values = [decades(size, sizes[0]) for size in sizes]
        lost = next((layer.name for layer, x in zip(layers, values, strict=True) if x < low), None)
        grown = next((layer.name for layer, x in zip(layers, values, strict=True) if x > high), None)
        if lost is not None:
            says.append(f"{what} is down to 1/{10**-low:,.0f} at {lost}")
        if grown is not None:
            says.append(f"{what} has grown {10**high:,.0f} times at {grown}")
    return "; ".join(says)


def _begins_at_zero(p: MeasuredParameter) -> bool:
    return middle(p.rms) == 0 and middle(p.gradient) == math.inf and not p.name.endswith("bias")


def _share(x: float) -> str:
    """A number of two digits, or a power of ten."""
    return f"{float(f'{10**x:.2g}'):g}" if -4 <= x <= 4 else f"10^{x:.1f}"


def _finite(layer: MeasuredLayer) -> bool:
    """nan where it was not called in a draw, or has no gradient; a std that is not finite has a sample behind it."""
    return not np.isinf(layer.std).any()
