"""Will it train? The rule, in one place.

A run "trains" if it classifies half of 2,000 held-out images right after 200 steps (chance: a tenth). The rule has two
parts, both predicted and both fitted to docs/data/forecast_evidence*.csv (8 initialisations, 5 activations, depth 2 to
40, widths 128 and 32, SGD with and without momentum, Adam, three learning rates each):

decades = log10(g_1 / g_L): how far the gradient of the first layer is from that of the last one before the output.
Outside its limits no learning rate trained. Inside them a network trains with a suitable one: between the limits of
`initlab.forecasting.rates`. All limits are in `initlab.limits`; `python scripts/forecast_evidence.py table` fits them,
and judges runs whose initialisation, activation, depth, width or momentum had no part in the fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from initlab.forecasting.rates import STEPS, Rate, Window
from initlab.limits import EDGE, limits_of

TRAINS, NOT, UNSURE, UNKNOWN = "trains", "will not train", "on the edge", "no forecast"
HELD_OUT = {"sgd": (96, 98, 78), "adam": (96, 98, 70)}  # %: fewest, most right, of clear verdicts; clear, of all cases
NO_PART = {"sgd": (151, 156), "adam": (155, 159)}  # right, clear: with the best learning rate, networks of width 32
SUITABLE = "with a suitable learning rate"
ALIKE = "two different inputs get the same output, so no step can tell them apart"


@dataclass(frozen=True)
class Verdict:
    """word: one of the four above; why: the reason in words; record: how often the rule was right, or "".

    rate: for which learning rate it is, in words, or "" if for all; other: one that trains where this one does not.
    """

    word: str
    why: str
    record: str
    rate: str = ""
    other: float | None = None

    @property
    def headline(self) -> str:
        return f"{self.word} {self.rate}" if self.rate else self.word

    @property
    def says(self) -> str:
        return f"{self.headline}: {self.why}"


def judge(decades: float, kind: str, bounded: bool = False) -> Verdict:
    """With the best learning rate; `kind`: "sgd" or "adam"; `bounded`: the activation is."""
    low, high = limits_of(kind, bounded)
    inside = min(decades - low, high - decades)
    word = UNSURE if abs(inside) < EDGE else TRAINS if inside > 0 else NOT
    why = f"the first layer's gradient is {_share(decades)} the last one's{_limit(word, decades, low, high, kind)}"
    if word == NOT and bounded and judge(decades, kind).word != NOT:
        word = UNSURE  # a larger learning rate than those of the evidence may do
    return Verdict(word, why, record(kind, of_rate=False), "" if word == NOT else SUITABLE)


def judge_rate(found: Verdict, window: Window, rate: Rate | None, kind: str) -> Verdict:
    """`found`: with the best learning rate. Its `rate`, or where that is not known whether there is a suitable one."""
    if found.word == NOT:
        return found
    if rate is None:
        if window.nearest() is not None or found.word == UNSURE:
            return found
        why = _outside(window) if window.low < math.inf else ALIKE
        return Verdict(UNSURE, f"no learning rate clearly suits it: {why}", found.record)
    at, past = f"at lr {rate.lr:g}", record(kind, of_rate=True)
    other = window.nearest(rate.lr) if found.word == TRAINS else None
    small, large = window.small_by(rate.lr), window.large_by(rate.lr)
    none = f"no learning rate suits it: {_outside(window)}" if window.high < window.low < math.inf else ""

    def here(word: str, why: str) -> Verdict:
        return Verdict(word, none or why, past, at, other)

    if large > 1:
        return here(NOT, f"{window.large}, as lr is about {_factor(rate.lr, window.high)} times too large")
    if rate.lr == 0:
        return Verdict(NOT, "no step is taken", "", at, other)
    later = STEPS * max(rate.steps / STEPS, 1) ** 2  # a plateau is left the faster the longer it lasts
    if small > 1 and window.small_by(rate.lr, later) > 1:
        why = (
            f"lr is about {_factor(window.low, rate.lr)} times too small to learn from in {STEPS} steps"
            if window.low < math.inf
            else ALIKE
        )
        return here(NOT, why)
    if large > -1:
        return here(UNSURE, f"lr is near the largest that trains, about {_rate(window.high)}")
    if small > 1:
        return here(UNSURE, f"lr is small for {STEPS} steps, and the evidence has no longer runs")
    if small > -1:
        return here(UNSURE, f"lr is near the smallest that trains in {STEPS} steps, about {_rate(window.low)}")
    return Verdict(found.word, found.why, past, at)


def _outside(window: Window) -> str:
    return f"too small below {_rate(window.low)}, too large above {_rate(window.high)}"


def _share(decades: float) -> str:
    """ "0.16 times", "10^-15 of", "10^4.2 times"."""
    if not math.isfinite(decades):
        return "0 where it should be near" if decades < 0 else "not finite, far beyond"
    if abs(decades) < 0.02:
        return "as large as"
    if -1.5 <= decades <= 2:
        return f"{10**decades:.2g} times"
    return f"10^{decades:.{0 if abs(decades) >= 10 else 1}f} {'of' if decades < 0 else 'times'}"


def _limit(word: str, decades: float, low: float, high: float, kind: str) -> str:
    """What follows from that share."""
    who, small = "Adam" if kind == "adam" else "SGD", decades - low < high - decades
    if word == TRAINS:
        return f" ({who} copes with {_plain(low)} to {_plain(high)} times)"
    end = f"({who} needs 10^{low:g} or more)" if small else f"({who} copes with 10^{high:g} at most)"
    if word == UNSURE:
        return f", near the {'smallest' if small else 'largest'} that trains {end}"
    return f", too {'small' if small else 'large'} to learn from {end}"


def _plain(decades: float) -> str:
    """Of one digit: 0.006, 60, 60,000; smaller ones as a power."""
    value = float(f"{10**decades:.1g}")
    return f"{value:g}" if 1e-3 <= value < 1e3 else f"{value:,.0f}" if value >= 1 else f"10^{decades:g}"


def _rate(lr: float) -> str:
    return f"{lr:.1g}" if lr < 1 or not math.isfinite(lr) else f"{float(f'{lr:.1g}'):,.0f}" if lr < 1e6 else f"{lr:.0e}"


def _factor(larger: float, smaller: float) -> str:
    """ "1.4", "87", "9,000", "10^8"."""
    x = larger / smaller if smaller > 0 else math.inf
    if x >= 1e6:
        return f"10^{math.log10(x):.0f}" if math.isfinite(x) else "far more than 10^300"
    return f"{x:.1f}" if x < 1.95 else f"{x:.0f}" if x < 100 else f"{float(f'{x:.1g}'):,.0f}"


def record(kind: str, *, of_rate: bool) -> str:
    """How often the rule is right, of verdicts that are not on the edge."""
    if not of_rate:
        right, clear = NO_PART[kind]
        return (
            f"of {clear} clear verdicts on networks of width 32, which took no part in its limits, {right} were right"
        )
    lowest, highest, clear = HELD_OUT[kind]
    return (
        f"{lowest} to {highest} % of its clear verdicts were right, held out by initialisation, activation, depth or "
        f"width ({100 - clear} % of all are on the edge); to train is half of held-out images right after {STEPS} steps"
    )
