"""What a rule for a value is, the usual kinds of it, and the sentence about a value that breaks one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from initlab.errors import UserError


@dataclass(frozen=True)
class Rule:
    allows: Callable[[Any], bool]
    words: str  # completes "must be ..."
    choices: tuple[str, ...] = ()


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def number(at_least: float = -math.inf, below: float = math.inf, words: str = "a number") -> Rule:
    return Rule(lambda v: is_number(v) and at_least <= v < below, words)


def whole(at_least: int = 0, words: str = "") -> Rule:
    return Rule(lambda v: is_whole(v) and v >= at_least, words or f"a whole number of at least {at_least}")


def choice(*names: str) -> Rule:
    return Rule(lambda v: v in names, "one of " + ", ".join(names), names)


def optional(rule: Rule, meaning: str) -> Rule:
    return Rule(lambda v: v is None or rule.allows(v), f"{rule.words}, or null: {meaning}", rule.choices)


def list_of(rule: Rule, words: str, length: int | None = None) -> Rule:
    return Rule(lambda v: is_list(v) and len(v) > 0 and length in (None, len(v)) and all(map(rule.allows, v)), words)


OPTIMIZER_KIND = choice("sgd", "adam")
TRUTH = Rule(lambda v: isinstance(v, bool), "true or false")
POSITIVE = Rule(lambda v: is_number(v) and v > 0, "a number above 0")
NOT_NEGATIVE = number(at_least=0, words="a number of at least 0")
SHARE = number(at_least=0, below=1, words="a number from 0 up to, but not including, 1")
SOME_BATCHES = Rule(
    lambda v: (is_whole(v) and v >= 0) or (isinstance(v, float) and 0 <= v <= 1),
    "a number of batches (a whole number) or a share of them (0.0 to 1.0)",
)
SIZE = Rule(
    lambda v: (is_whole(v) and v >= 0) or (isinstance(v, float) and 0 <= v < 1),
    "a share of the rows from 0.0 up to, but not including, 1.0, or a number of them (a whole number)",
)


def check_value(key: str, value: Any, rule: Rule) -> None:
    """Raise UserError with one sentence unless the rule allows the value."""
    if rule.allows(value):
        return
    raise UserError(f"{key}={_shown(value)}: must be {rule.words}{did_you_mean(str(value), rule.choices)}")


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """`; did you mean kaiming?` for `kaimng`, or nothing when no choice is near."""
    near = nearest(word, choices)
    return f"; did you mean {near}?" if near else ""


def nearest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that the word is most like; None when no choice is near."""
    return next(iter(difflib.get_close_matches(word, choices, n=1, cutoff=0.6)), None)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)
