"""What is wrong with a run, told from its rows. Nothing here knows torch.

A healthy run has no finding: every limit below lies where runs that train do not come, by the source given there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from initlab.diagnosis.finding import Finding
from initlab.diagnosis.learning import Losses, learns, loss_finding, too_early
from initlab.diagnosis.outline import Outline, Rows
from initlab.diagnosis.prediction import PredictedLayer
from initlab.diagnosis.trend import held_since, trend_along, values_of
from initlab.diagnosis.update_findings import not_trained, update_findings
from initlab.limits import EDGE, GAINED, LOST
from initlab.numbers import first_call

# A random unit whose inputs are the same for the whole batch is off with probability 1/2, so chance alone leaves no
# more than half of a ReLU layer dead, however deep (Lu et al. 2019); healthy runs have at most 0.092. (This and the
# other numbers of healthy runs: `python scripts/findings_evidence.py table`.)
DEAD_SHARE = 2 / 3
# "Saturated" entries pass under 5 % of the gradient; where half of them do, a layer halves it at least, as the top
# layers in Glorot and Bengio 2010, fig. 2. Healthy runs reach 0.64 by training.
SATURATED_SHARE = 0.5
SATURATED_MOST = 0.8  # at step 0, whether the run learns or not

# A network that learns leaves the band where it began: hidden layers by a factor of up to 3.9 in 48 healthy runs. From
# weights so small that the signal had to grow it may grow to a std of 1 first.
LEFT_BAND = 10.0
UNFORESEEN = 2.0  # of the band of two sigma: four sigma, and of fifty layers none is there by chance
ROUNDING = 1e-3  # of a logarithm; a band may be one number

ORDER = (  # causes before what follows from them
    "not trained",
    "symmetric units",
    "exploding signal",
    "exploding gradient",
    "non-finite",
    "unforeseen signal",
    "left its band",
    "vanishing signal",
    "vanishing gradient",
    "saturated layer",
    "dead layer",
    "update too large",
    "update too small",
    "loss rising",
    "loss not moving",
)
# A cause and what merely follows from it, which is not said again.
EXPLAINS = {
    "symmetric units": set(ORDER) - {"not trained", "non-finite", "symmetric units", "loss rising", "loss not moving"},
    "vanishing gradient": {"update too small", "dead layer"},
    "exploding signal": {"saturated layer"},
    "dead layer": {"update too small"},
}

STEPS = {"update too large", "update too small", "loss rising", "loss not moving"}  # what is about the steps

GONE = 1e-3  # of the norm that weights began with
GROWN = 100  # times the std of its first sample: a layer that is on the way to inf

Trend = tuple[Finding | None, Finding | None]  # what holds by now, and what held at step 0
TRENDS = ("vanishing signal", "exploding signal", "vanishing gradient", "exploding gradient")


def find(
    history: Rows,
    outline: Outline,
    *,
    losses: Losses = ((), ()),
    symmetric: Sequence[str] = (),
    predicted: Sequence[PredictedLayer] = (),
    over: bool = False,
) -> list[Finding]:
    """Every finding, causes first.

    Args:
        losses: steps and the losses of their batches.
        symmetric: layers whose units were seen to be copies of each other after some updates.
        predicted: what the forecast of the run said of its layers.
        over: the run has ended, so that what it shows at its end is all there will be to confirm it.
    """
    broken = _non_finite(history, losses)
    until = broken.since if broken else math.inf  # after that every figure is noise
    over = over or broken is not None
    trends = [*_signal(history, outline, until, over), *_gradient(history, outline, until, over)]
    of_loss = None if broken else loss_finding(losses, over)
    found = [
        broken,
        _symmetric(history, symmetric),
        _unforeseen(history, predicted),
        _left_band(history, predicted, until, over),
        *(now for now, _ in trends),
        *_shares(history, outline, until, over),
        *update_findings(history, outline, until),
        not_trained(outline) if of_loss and of_loss.kind == "loss not moving" else None,
        of_loss,
    ]
    if learns(losses, outline.outputs) or (not over and too_early(losses)):
        found = [finding for finding in found if finding and not _harmless(finding)]
    there = _without_lr(_from_their_cause([f for f in found if f], [first for _, first in trends if first]))
    followed = set().union(*(EXPLAINS.get(finding.kind, set()) for finding in there))
    return sorted((f for f in there if f.kind not in followed), key=lambda f: (ORDER.index(f.kind), f.since))


def _from_their_cause(found: list[Finding], at_start: list[Finding]) -> list[Finding]:
    """A gradient that explodes at step 0 throws the weights somewhere else, and after a few steps it vanishes: of a run
    that does not train, what was so at step 0 is the cause, and the trend that training made of it is not reported.
    `at_start`: of a run that trains from there it is no finding."""
    consequences = {"non-finite", "loss rising", "loss not moving"}
    made = [f for f in found if f.kind in TRENDS and not f.from_the_start]
    if not at_start or not (made or consequences & {f.kind for f in found}):
        return found
    kinds = {f.kind for f in found if f.from_the_start}
    return [f for f in found if f not in made] + [f for f in at_start if f.kind not in kinds]


def _without_lr(found: list[Finding]) -> list[Finding]:
    """A loss that is flat for a cause in the signal is not fixed by another learning rate, nor is the size of a step
    that hardly moves it: only of the step's own findings the learning rate is the remedy."""
    signal = [f for f in found if f.kind not in STEPS and f.from_the_start]
    flat = any(f.kind == "loss not moving" for f in found)
    quiet = STEPS if signal else {"update too large", "update too small"} if flat else set()
    return [replace(f, advice="") if f.kind in quiet else f for f in found]


def _harmless(finding: Finding) -> bool:
    """In a run that learns: saturated layers passed on enough of the gradient, unless the initialisation left next to
    none, and a long step that lowers the loss is not too long."""
    flat_from_the_start = finding.from_the_start and finding.value > SATURATED_MOST
    return finding.kind == "update too large" or (finding.kind == "saturated layer" and not flat_from_the_start)


def _non_finite(history: Rows, losses: Losses) -> Finding | None:
    """The first nan or inf: an activation's, else a gradient's, else the loss's."""
    firsts: list[tuple[int, int, str, str, float]] = []  # step, rank within the step, name, what, how many
    for rank, (quantity, what) in enumerate(
        (("nonfinite", "output"), ("grad_std", "gradient"), ("grad_norm", "gradient"))
    ):
        for layer in history.layers(quantity):
            steps, values = values_of(history, layer, quantity)
            bad = np.flatnonzero(values > 0 if quantity == "nonfinite" else ~np.isfinite(values))
            if len(bad):
                firsts.append((int(steps[bad[0]]), rank, layer, what, float(values[bad[0]])))
    bad = np.flatnonzero(~np.isfinite(np.asarray(losses[1], float)))
    if len(bad):
        firsts.append((int(losses[0][bad[0]]), 3, "", "loss", math.nan))
    if not firsts:
        return None
    step, rank, layer, what, value = min(firsts, key=lambda first: first[:2])
    entries = "entry of its output is" if value == 1 else "entries of its output are"
    says = f"{value:,.0f} {entries} nan or inf" if rank == 0 else f"the {what} is nan or inf"
    advice = "smaller initial weights (init=kaiming)" if step == 0 else "a smaller lr, or gradient clipping"
    if rank == 0 and _may_come_in(history, layer, step):
        advice = f"look for nan in the inputs{' of that batch' if step else ''}; {advice}"
    return Finding("non-finite", (layer,) if layer else (), step, "entries nan or inf", value, says, advice)


def _may_come_in(history: Rows, layer: str, step: int) -> bool:
    """Whether the first layer has it, which at the sample before showed no sign of growing: with the inputs then."""
    steps, std = values_of(history, layer, "std")
    before = std[steps < step]
    return layer == history.layers("std")[0] and not (len(before) and before[-1] > GROWN * before[0])


def _symmetric(history: Rows, layers: Sequence[str]) -> Finding | None:
    if not layers:
        return None
    gone = [_gone_since(history, layer) for layer in layers]
    if None not in gone:
        since = min(step for step in gone if step is not None)
        says = "its weights have become 0, so all its units are the same and the layer works as one"
        return Finding(
            "symmetric units", tuple(layers), since, "different units in the layer", 1.0, says,
            "a smaller weight_decay, or a smaller lr",
        )  # fmt: skip
    return Finding(
        "symmetric units",
        tuple(layers),
        0,
        "different units in the layer",
        1.0,
        "all units have the same weights and get the same gradient, so the layer works as one unit",
        "random weights, init=kaiming for ReLU or init=xavier for tanh; zeros are fine for biases only",
    )


def _gone_since(history: Rows, layer: str) -> int | None:
    """The first step at which the weights of a layer were all but 0 that were not at the start; None: no such."""
    steps, norms = values_of(history, f"{first_call(layer)}.weight", "weight_norm")
    if not len(norms) or not norms[0] > 0 or not norms[-1] < norms[0] * GONE:
        return None
    return int(steps[np.flatnonzero(norms < norms[0] * GONE)[0]])


def _unforeseen(history: Rows, predicted: Sequence[PredictedLayer]) -> Finding | None:
    """At step 0 a layer lies far outside its band: the network is not the one that the forecast was of."""
    for layer in predicted:
        steps, values = values_of(history, layer.name, "std")
        if not len(steps) or steps[0] > 0 or not layer.low or not layer.high or not values[0] > 0:
            continue
        middle, half = math.log(layer.low * layer.high) / 2, math.log(layer.high / layer.low) / 2
        if abs(math.log(values[0]) - middle) > UNFORESEEN * max(half, ROUNDING):
            says = f"the std of the output is {values[0]:.3g}, the forecast for this initialisation {layer.low:.3g} to"
            advice = "see whether the inputs are scaled as usual, and whether something else stands between the layers"
            return Finding(
                "unforeseen signal", (layer.name,), 0, "std", float(values[0]), f"{says} {layer.high:.3g}", advice
            )
    return None


def _left_band(history: Rows, predicted: Sequence[PredictedLayer], until: float, over: bool) -> Finding | None:
    """Later on a hidden layer's std is ten times beyond its band: training, not the initialisation, took it there."""
    gone: list[tuple[int, str, float, PredictedLayer]] = []
    for layer in predicted[:-1]:
        steps, values = values_of(history, layer.name, "std", until)
        if not len(steps) or not layer.low or not layer.high:
            continue
        with np.errstate(divide="ignore"):
            beyond = np.maximum(np.log(values / max(layer.high, 1.0)), np.log(layer.low / values))
        held = held_since(steps, beyond / math.log(LEFT_BAND), values, over)
        if held and held[0] > 0:
            gone.append((held[0], layer.name, held[1], layer))
    if not gone:
        return None
    since, name, value, band = min(gone, key=lambda one: one[0])
    others = f" ({name}, the first of them)" if len(gone) > 1 else ""
    says = (
        f"the std of the output{others} is {value:.3g}, the forecast for the initialisation was "
        f"{band.low:.3g} to {band.high:.3g}"
    )
    names = tuple(layer.name for layer in predicted if layer.name in {one[1] for one in gone})
    return Finding("left its band", names, since, "std", value, says, "a smaller lr, a warm-up, or gradient clipping")


def _signal(history: Rows, outline: Outline, until: float, over: bool) -> list[Trend]:
    """The std of the output along the chain: weights change it by the same factor a layer as the gradient."""
    says = "each layer multiplies the std of the signal by {factor}, {depth} layers together by {total}"
    rescale = "weights of variance gain^2 / fan_in (init=kaiming for ReLU, init=xavier for tanh), or fewer layers"
    trend = trend_along(history, outline.chain, "std", until)
    return [
        _along("vanishing signal", outline, trend, over, says, rescale, rescale),
        _along("exploding signal", outline, trend, over, says, rescale, f"{rescale}, or a smaller lr"),
    ]


def _gradient(history: Rows, outline: Outline, until: float, over: bool) -> list[Trend]:
    """The std of the gradient, which runs the chain backwards: factors from layer l + 1 to layer l."""
    says = (
        "each layer back multiplies the gradient by {factor}, so that of the first of {depth} layers is {total} times "
        "that of the last"
    )
    rescale = "weights that keep the signal (init=kaiming for ReLU, init=xavier for tanh), or fewer layers"
    lost, gained = rescale + ("" if outline.scale_free else ", or Adam"), f"{rescale}, or gradient clipping"
    trend = trend_along(history, outline.chain[::-1], "grad_std", until)
    return [
        _along("vanishing gradient", outline, trend, over, says, lost, lost),
        _along("exploding gradient", outline, trend, over, says, gained, gained),
    ]


def _along(
    kind: str,
    outline: Outline,
    trend: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    over: bool,
    says: str,
    at_start: str,
    later: str,
) -> Trend:
    """`at_start`, `later`: the advice."""
    if trend is None:
        return None, None
    steps, decades, factors = trend
    optimizer = "adam" if outline.scale_free else "sgd"
    limit = GAINED[optimizer] + EDGE if kind.startswith("exploding") else LOST[optimizer] - EDGE
    depth = len(outline.chain)

    def finding(since: int, factor: float) -> Finding:
        sentence = says.format(factor=f"{factor:.2g}", total=f"{factor ** (depth - 1):.1g}", depth=depth)
        advice = later if since else at_start
        return Finding(kind, outline.chain, since, "factor a layer", factor, sentence, advice)

    held = held_since(steps, decades / limit, factors, over)
    first = steps[0] == 0 and decades[0] / limit > 1
    return finding(*held) if held else None, finding(0, float(factors[0])) if first else None


def _shares(history: Rows, outline: Outline, until: float, over: bool) -> list[Finding | None]:
    """Dead units and saturated entries, the layers together that began at the same step."""
    dead = (
        "dead layer",
        "{share:.0%} of the units are 0 for the whole batch, so nothing reaches the weights before them",
        ("init=kaiming with biases of 0", "a smaller lr or gradient clipping, leaky_relu or gelu"),
    )
    saturated = (
        "saturated layer",
        "{share:.0%} of the entries lie where the slope is under 5 % of its maximum, so hardly any gradient passes",
        ("smaller weights (init=xavier), inputs scaled to std 1", "a smaller lr"),
    )
    found: list[Finding | None] = []
    for quantity, limit, layers, (kind, says, advice) in (
        ("saturated", SATURATED_SHARE, outline.bounded, saturated),
        ("dead", DEAD_SHARE, outline.activations, dead),
    ):
        begun: dict[bool, list[tuple[str, int, float]]] = {}
        for layer in layers:
            steps, values = values_of(history, layer, quantity, until)
            held = held_since(steps, values / limit, values, over)
            if held:
                begun.setdefault(held[0] == 0, []).append((layer, *held))
        for at_start, group in begun.items():
            names = tuple(layer for layer, _, _ in group)
            since, share = min(since for _, since, _ in group), float(np.median([share for *_, share in group]))
            advised = advice[0] if at_start else advice[1]
            found.append(Finding(kind, names, since, f"share {quantity}", share, says.format(share=share), advised))
    return found
