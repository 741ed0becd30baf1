"""Will it train? The rule, in one place.

decades = log10(g_1 / g_L), predicted: how far the gradient of the first layer is from that of the last one before the
output. Between the limits a network trains. The limits are those with the most runs right in docs/forecast_evidence.csv
(7 initialisations, 5 activations, depth 2 to 40, 2 seeds, width 128, 200 steps on Fashion-MNIST), and the hit rates are
of runs whose initialisation, or activation, took no part in the fit: `python scripts/forecast_evidence.py table`.
Adam's step does not shrink with the gradient, so it has limits of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from initlab.limits import GAINED, LOST

EDGE = 0.5  # decades to either side of a limit that are too near to call
HIT_RATE = {
    "sgd": "right for 94 % of 350 short runs, held out by initialisation or activation; it errs most at depth 40",
    "adam": "right for 94 % of 350 short runs, held out by initialisation or activation",
}
TRAINS, NOT, UNSURE, UNKNOWN = "trains", "will not train", "on the edge", "no forecast"


@dataclass(frozen=True)
class Verdict:
    """word: one of the four above; why: the reason in words; record: how often the rule was right, or ""."""

    word: str
    why: str
    record: str


def judge(decades: float, kind: str) -> Verdict:
    """`kind`: "sgd" or "adam"."""
    low, high = LOST[kind], GAINED[kind]
    reach = f"from {low:g} to {high:+g} trains with {'Adam' if kind == 'adam' else 'SGD'}"
    why = f"the gradient of the first layer is 10^{decades:+.1f} of the last one's; {reach}"
    inside = min(decades - low, high - decades)
    word = UNSURE if abs(inside) < EDGE else TRAINS if inside > 0 else NOT
    return Verdict(word, why, HIT_RATE[kind])
