"""What is right: the answer to each ask of a lesson, from the page's record or from the forecast."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from initlab.errors import UserError
from initlab.forecasting import Forecast
from initlab.limits import LOST
from initlab.numbers import shown
from initlab.textbook.claim import TRAINS, settings, words_of
from initlab.textbook.page import same

GUESSING = math.log(10)  # the loss of it, among ten classes
LEARNED = 0.9  # of that loss, below which a network has learned
FAR = 30  # times, up or down, over all layers: from there on a signal has grown or faded
Claim = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """Where a lesson's answers come from. forecast: None for a network that has to be measured."""

    claims: Sequence[Claim]
    where: Mapping[str, str]
    forecast: Forecast | None

    def claim(self, about: str, where: Mapping[str, str] | None = None, below: str = "") -> Claim:
        """The record of a figure or finding in the lesson's setting, or in another."""
        at = self.where if where is None else where
        for claim in self.claims:
            of_all = same(at, claim["setting"]) and same(claim["setting"], at)
            if claim["about"] == about and of_all and claim["expected"].startswith(below):
                return claim
        raise UserError(f"{about}: no claim of the page is about it where {words_of(at) or 'anything'}")

    def value(self, about: str) -> float:
        return float(self.claim(about)["mean"])


def answer(ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """The ask as the lesson has it: kind, text, the right answer, how near counts, what was seen, the number of it."""
    (kind,) = set(ask) & set(KINDS)
    return KINDS[kind](ask[kind], ask, source) | ({"text": ask["text"]} if "text" in ask else {})


def _trains(about: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    claim = source.claim(about)
    if "finding" in about:
        trains, ending = about.startswith("no "), ""
    elif about == "val/loss":
        trains = claim["mean"] < LEARNED * GUESSING
        ending = f" Has its validation loss left log 10 = {GUESSING:.2f}, that of guessing, at the end?"
    else:
        trains, ending = claim["mean"] >= TRAINS, " Has it half of the validation images right at the end?"
    options = ["it trains", "it does not"]
    return _choice(f"Does it train?{ending}", options, 0 if trains else 1, _seen(claim), _short(claim))


def _above(about: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    claim = source.claim(about)
    return _choice("", ["yes", "no"], 0 if claim["mean"] >= TRAINS else 1, _seen(claim), _short(claim))


def _has(finding: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    for right, about in enumerate((f"finding: {finding}", f"no finding: {finding}")):
        if any(c["about"] == about and same(source.where, c["setting"]) for c in source.claims):
            seen = f"{finding} {source.claim(about)['got']}"
            return _choice("", ["yes", "no"], right, seen, seen)
    raise UserError(f"{finding}: no claim of the page is about it where {words_of(source.where)}")


def _number(about: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    claim = source.claim(about)
    return _near(claim["mean"], ask["within"], _seen(claim), _short(claim))


def _each(about: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    count = _layers_between(about)
    factor = source.value(about) ** (1 / count)
    text = "By what factor does each layer multiply the std of the signal?"
    seen = f"{_seen(source.claim(about))} over {count} layers, which is {factor:.3g} a layer"
    return {"text": text, **_near(factor, ask["within"], seen, brief(factor))}


def _end(about: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    ratio = source.value(about)
    right = 0 if ratio < 1 / FAR else 2 if ratio > FAR else 1
    text = "What becomes of the signal on its way through fifty layers?"
    claim = source.claim(about)
    return _choice(text, ["it fades", "it stays", "it explodes"], right, _seen(claim), _short(claim))


def _lower(about: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """The claim that one of the two is below the other says which."""
    given = [settings("of", one) for one in ask["of"]]
    for right, (one, other) in enumerate((given, given[::-1])):
        try:
            claim = source.claim(about, {**source.where, **one}, f"below that of {words_of(other)} ")
        except UserError:
            continue
        (limit,) = re.findall(r"\((\S+)\)$", claim["expected"])
        short = f"{_short(claim)} against {brief(float(limit))}"
        seen = f"{about} {claim['got']} with {_last(one)}, {limit} with {_last(other)}"
        return _choice("", [_last(one) for one in given], right, seen, short)
    raise UserError(f"{about}: no claim of the page compares {' with '.join(map(words_of, given))}")


def _most(options: Mapping[str, Any], ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    values = {}
    for option, abouts in options.items():
        abouts = [abouts] if isinstance(abouts, str) else abouts
        values[option] = math.prod(source.value(about) for about in abouts)
    pick = max if "most" in ask else min
    best = pick(values, key=lambda option: values[option])
    seen = ", ".join(f"{shown(value)} in {option.split(', ')[-1]}" for option, value in values.items())
    return _choice("", [*options], [*options].index(best), seen, brief(values[best]))


def _std(layer: int, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    assert source.forecast is not None
    one = source.forecast.layers[layer]
    text = f"What is the std of the output of {one.name} before the first update?"
    band = "" if one.low is None else f", 95 % of draws between {one.low:.2g} and {one.high:.2g}"
    seen = f"{shown(one.std)} by the theory{band}"
    return {"text": text, **_near(one.std, ask["within"], seen, brief(one.std))}


def _dies(what: str, ask: Mapping[str, Any], source: Source) -> dict[str, Any]:
    assert source.forecast is not None
    found = re.findall(r"what tells two inputs apart is down to \S+ at layers\.(\d+)", source.forecast.dies)
    place, share = (int(found[0]) if found else None), f"1/{10 ** -LOST['sgd']:.0f}"
    last = source.forecast.depth - 1
    text = (
        f"In which hidden layer, of 0 to {last}, is what tells two images apart first down to {share} of the start, "
        "or in none?"
    )
    seen = "no layer, by the theory" if place is None else f"down to {share} at layers.{place}, by the theory"
    made = {"kind": "layer", "text": text, "answer": place, "within": ask["within"], "last": last, "seen": seen}
    return made | {"short": str(place)}


KINDS: dict[str, Callable[..., dict[str, Any]]] = {
    "trains": _trains, "above": _above, "has": _has, "number": _number, "each": _each, "end": _end, "lower": _lower,
    "most": _most, "least": _most, "std": _std, "dies": _dies,
}  # fmt: skip


def _choice(text: str, options: Sequence[str], right: int, seen: str, short: str) -> dict[str, Any]:
    made = {"kind": "choice", "options": list(options), "answer": right, "seen": seen, "short": short}
    return made | {"text": text}


def _near(right: float, within: float, seen: str, short: str) -> dict[str, Any]:
    return {"kind": "number", "answer": float(f"{right:.6g}"), "within": within, "seen": seen, "short": short}


def _last(setting: Mapping[str, str]) -> str:
    """`weight_decay=3` of optimizer.weight_decay=3."""
    return words_of({key.rsplit(".", 1)[-1]: value for key, value in setting.items()})


def _seen(claim: Claim) -> str:
    runs = "1 run" if claim["n"] == 1 else f"{claim['n']} runs"
    if claim["about"] == "no finding: any":
        return f"no finding in {runs}"
    if "finding" in claim["about"]:
        return f"{claim['about']} {claim['got']}"
    return f"{claim['about']} {claim['got']}, {runs}"


def _short(claim: Claim) -> str:
    return brief(claim["mean"])


def brief(x: float) -> str:
    return f"{x:,.0f}" if 100 <= abs(x) < 1e9 else f"{x:.3g}"


def _layers_between(about: str) -> int:
    """25 of layers.25/std@0 / layers.0/std@0."""
    last, first = map(int, re.findall(r"layers\.(\d+)/", about))
    return last - first
