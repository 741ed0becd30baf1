"""What a page claims of its runs: one entry of `expect:`, read and refused where it cannot be understood.

Nothing heavy is imported here: a page is checked before its runs begin.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from initlab.checks.rule import did_you_mean
from initlab.checks.rules import QUANTITIES
from initlab.errors import UserError

KINDS = ("figure", "finding", "no_finding", "forecast")
KEYS = (*KINDS, "over", "where", "is", "within", "spread", "above", "below", "published", "why")
OF_FIGURES = ("over", "is", "within", "spread", "above", "below")
TRAINS = 0.5  # from which on a run counts as one that trains
WHENS = ("last", "first", "min", "max", "median")
FINDINGS = (  # kinds of `initlab.diagnosis.findings`, which brings NumPy
    "symmetric units", "exploding signal", "exploding gradient", "non-finite", "unforeseen signal", "vanishing signal",
    "vanishing gradient", "saturated layer", "dead layer", "update too large", "update too small", "loss rising",
    "loss not moving", "left its band", "not trained",
)  # fmt: skip
OF_LAYERS = frozenset(QUANTITIES) - {"loss", "histogram"}


@dataclass(frozen=True)
class Metric:
    """A number of one run.

    name:  a column of metrics.csv such as val/acc, or <layer>/<quantity> of signal.csv; there `loss/loss` is the
           loss of the batch.
    when:  an epoch of metrics.csv or a step of signal.csv, or one of `WHENS`: over all that was recorded.
    """

    name: str
    when: int | str = "last"

    @property
    def of_layer(self) -> tuple[str, str] | None:
        """(layer or parameter, quantity) where it is of signal.csv."""
        layer, _, quantity = self.name.rpartition("/")
        return (layer, quantity) if (layer and quantity in OF_LAYERS) or self.name == "loss/loss" else None

    def __str__(self) -> str:
        return self.name if self.when == "last" else f"{self.name}@{self.when}"


@dataclass(frozen=True)
class Claim:
    """One thing that must be seen in every setting that `where` matches.

    value, within, spread:  the mean over n seeds lies `within` of `value`, or 4 `spread` / sqrt(n) from it, spread
                            being the std of one run.
    above, below:           limits: numbers, or swept keys whose change makes the setting to compare with.
    finding, no_finding:    a kind of finding that every seed has, or none has; "any" with the latter.
    forecast:               the share of clear verdicts that were right, over all settings that `where` matches, is
                            `above`; a run trains whose figure of this name is at least `TRAINS`.
    published:              what was printed elsewhere, shown next to ours.
    """

    figure: Metric | None = None
    over: Metric | None = None
    finding: str = ""
    no_finding: str = ""
    forecast: Metric | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    within: float | None = None
    spread: float | None = None
    above: float | Mapping[str, str] | None = None
    below: float | Mapping[str, str] | None = None
    published: str = ""
    why: str = ""

    @property
    def subject(self) -> str:
        """What it is about, in words."""
        if self.figure:
            return f"{self.figure}{f' / {self.over}' if self.over else ''}"
        if self.forecast:
            return f"forecast of {self.forecast}"
        return f"finding: {self.finding}" if self.finding else f"no finding: {self.no_finding}"

    @property
    def expected(self) -> str:
        """What must hold, in words, for one run or many."""
        if not self.figure and not self.forecast:
            return "in every run" if self.finding else "in no run"
        parts = []
        if self.value is not None:
            parts.append(f"{self.value:g}")
            parts.append(f"± {self.within:g}" if self.within is not None else f"± 4 · {self.spread:g} / √n")
        words = [f"{w} {_limit(v)}" for w, v in (("above", self.above), ("below", self.below)) if v is not None]
        return " ".join([*parts, " and ".join(words)] if words else parts)

    def tolerance(self, n: int) -> float:
        """How far the mean of n runs may lie from `value`."""
        return 4 * self.spread / math.sqrt(n) if self.spread is not None else self.within or 0.0


def read_claims(expect: Any) -> list[Claim]:
    """The claims of a config's `expect`, plain Python values.

    Raises:
        UserError: for the first that cannot be understood, with its number.
    """
    if not isinstance(expect, list):
        raise UserError(f"expect={expect}: must be a list of claims, such as - {{figure: val/acc, above: 0.8}}")
    return [_claim(f"expect[{i}]", entry) for i, entry in enumerate(expect)]


def _claim(at: str, entry: Any) -> Claim:
    if not isinstance(entry, dict):
        raise UserError(f"{at}={entry}: must be a claim, such as {{figure: val/acc, above: 0.8}}")
    for key in entry:
        if key not in KEYS:
            raise UserError(f"{at}.{key}: no such key of a claim{did_you_mean(str(key), KEYS)} ({', '.join(KEYS)})")
    kinds = [key for key in KINDS if key in entry]
    if len(kinds) != 1:
        raise UserError(f"{at}: a claim is about one of {', '.join(KINDS)}, not {' and '.join(kinds) or 'nothing'}")
    for key in OF_FIGURES if kinds != ["figure"] else ():
        if key in entry and (key, *kinds) != ("above", "forecast"):
            kind = kinds[0].removeprefix("no_")
            raise UserError(f"{at}.{key}: only a claim about a figure has it, not one about a {kind}")
    where = settings(f"{at}.where", entry.get("where", {}))
    texts = {key: _text(f"{at}.{key}", entry[key]) for key in ("published", "why") if key in entry}
    if kinds == ["forecast"]:
        if not isinstance(entry.get("above"), float):
            raise UserError(f"{at}: a claim about the forecast needs above, a share of the verdicts such as 0.9")
        metric = read_metric(f"{at}.forecast", entry["forecast"])
        return Claim(forecast=metric, above=float(entry["above"]), where=where, why=texts.get("why", ""))
    if kinds != ["figure"]:
        found = {kind: _finding(f"{at}.{kind}", entry[kind]) for kind in kinds}
        return Claim(
            finding=found.get("finding", ""),
            no_finding=found.get("no_finding", ""),
            where=where,
            published=texts.get("published", ""),
            why=texts.get("why", ""),
        )
    numbers = {key: number_of(f"{at}.{key}", entry[key]) for key in ("is", "within", "spread") if key in entry}
    for key in ("within", "spread"):
        if numbers.get(key, 1.0) <= 0:
            raise UserError(f"{at}.{key}={numbers[key]:g}: must be above 0")
    if numbers and ("is" not in numbers or len(numbers) != 2):
        raise UserError(f"{at}: is needs one of within and spread with it, and they need it")
    limits = {key: _limit_of(f"{at}.{key}", entry[key]) for key in ("above", "below") if key in entry}
    if not numbers and not limits:
        raise UserError(f"{at}: a claim about a figure needs is, above or below")
    return Claim(
        figure=read_metric(f"{at}.figure", entry["figure"]),
        over=read_metric(f"{at}.over", entry["over"]) if "over" in entry else None,
        where=where,
        value=numbers.get("is"),
        within=numbers.get("within"),
        spread=numbers.get("spread"),
        above=limits.get("above"),
        below=limits.get("below"),
        published=texts.get("published", ""),
        why=texts.get("why", ""),
    )


def read_metric(at: str, text: Any) -> Metric:
    """`val/acc`, `layers.4/std@0`, `phi.0/saturated@max`."""
    if not isinstance(text, str) or not re.fullmatch(r"[^\s@]+(@[^\s@]+)?", text):
        raise UserError(f"{at}={text}: must be a figure such as val/acc or layers.4/std@0")
    name, _, when = text.partition("@")
    if when and not when.isdigit() and when not in WHENS:
        hint = did_you_mean(when, WHENS)
        raise UserError(f"{at}={text}: after the @ stands an epoch or a step, or one of {', '.join(WHENS)}{hint}")
    return Metric(name, int(when) if when.isdigit() else when or "last")


def settings(at: str, given: Any) -> dict[str, str]:
    """{swept key: value as on the command line}."""
    if not isinstance(given, dict) or not all(isinstance(v, (str, int, float)) for v in given.values()):
        raise UserError(f"{at}={given}: must be values of swept keys, such as {{init: kaiming}}")
    return {str(key): word_of(value) for key, value in given.items()}


def word_of(value: Any) -> str:
    """As the command line has it: 1e-05 and 0.00001, true and True are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return str(value).strip("'\"")


def _finding(at: str, kind: Any) -> str:
    allowed = (*FINDINGS, "any") if at.endswith("no_finding") else FINDINGS
    if kind not in allowed:
        raise UserError(
            f"{at}={kind}: no such kind of finding{did_you_mean(str(kind), allowed)} ({', '.join(allowed)})"
        )
    return str(kind)


def number_of(at: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        raise UserError(f"{at}={value}: must be a number")
    return float(value)


def _limit_of(at: str, value: Any) -> float | dict[str, str]:
    return settings(at, value) if isinstance(value, dict) else number_of(at, value)


def _text(at: str, value: Any) -> str:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise UserError(f"{at}={value}: must be a number or a text")
    return value if isinstance(value, str) else f"{value:g}"


def _limit(limit: float | Mapping[str, str]) -> str:
    return "that of " + words_of(limit) if isinstance(limit, Mapping) else f"{limit:g}"


def words_of(setting: Mapping[str, str]) -> str:
    """`init=kaiming model.activation=tanh`."""
    return " ".join(f"{key}={value}" for key, value in setting.items())
