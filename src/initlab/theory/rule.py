"""Will it train? The rule, in one place.

decades = log10(g_1 / g_L), predicted: how far the gradient of the first layer is from that of the last one before the
output. Between the limits (`initlab.limits`) a network trains, with the best of three step sizes. The limits are those
with the most runs right in docs/forecast_evidence.csv (8 initialisations, 5 activations, depth 2 to 40, 2 seeds, width
128, 200 steps on Fashion-MNIST), and the hit rates are of runs whose initialisation, activation or depth took no part
in the fit: `python scripts/forecast_evidence.py table`. Runs of width 32 (docs/forecast_evidence_width_32.csv) had no
part in it at all. Adam's step does not shrink with the gradient, so it has limits of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from initlab.limits import EDGE, GAINED, LOST

HIT_RATE = {
    "sgd": "right for 95 % of 400 short runs of width 128, held out by initialisation, activation or depth, "
    "89 % of 400 of width 32; it errs most with GELU and SiLU at depth 40",
    "adam": "right for 95 % of 400 short runs of width 128, held out by initialisation or activation (by depth 94 %), "
    "88 % of 400 of width 32",
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
