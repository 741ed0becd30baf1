"""An answer as it is typed: read, and how near it is. docs/lessons.html reads and judges alike."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from initlab.errors import UserError

NUMBER = r"(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
FORMS = re.compile(
    rf"(?:(?P<plain>{NUMBER})|10\^(?P<power>-?\d+)|(?P<top>{NUMBER}) ?/ ?(?P<bottom>{NUMBER})|(?P<cent>{NUMBER}) ?%)",
    re.ASCII,
)
NONE = "none"


class LayerAnswer(NamedTuple):
    """A layer, or None for no layer."""

    layer: int | None


Answer = int | float | LayerAnswer


def read(ask: dict[str, Any], text: str) -> Answer:
    """The index of an option, a number, a layer.

    Raises:
        UserError: in one sentence, for what is no answer to this ask.
    """
    text = text.strip().lower()
    if ask["kind"] == "choice":
        return _option(ask["options"], text)
    if ask["kind"] == "layer":
        return _layer(ask["last"], text)
    return number(text)


def number(text: str) -> float:
    """0.02, 1e-5, 10^-5, 1/30, 20 %.

    Raises:
        UserError: it is no number above 0.
    """
    found = FORMS.fullmatch(text.strip().lower())
    value = 0.0
    if found and found["power"] is not None:
        value = float(f"1e{found['power']}")
    elif found and found["top"] is not None:
        value = float(found["top"]) / float(found["bottom"]) if float(found["bottom"]) else 0.0
    elif found:
        value = float(found["plain"] or found["cent"]) / (100 if found["cent"] else 1)
    if not 0 < value < math.inf:
        raise UserError(f"{text or 'nothing'}: must be a number above 0, such as 0.02, 1e-5, 10^-5 or 1/30")
    return value


def points(ask: dict[str, Any], given: Answer) -> float:
    """1, or 0.5 for an answer at most twice as far off as a right one may be (of a number: in its logarithm), or 0."""
    right = ask["answer"]
    if ask["kind"] == "choice":
        return float(given == right)
    if isinstance(given, LayerAnswer):
        if given.layer is None or right is None:
            return float(given.layer is right)
        off = abs(given.layer - right) / ask["within"]
    else:
        off = abs(math.log(given / right)) / math.log(ask["within"])
    return 1.0 if off <= 1 + 1e-9 else 0.5 if off <= 2 + 1e-9 else 0.0


def how(ask: dict[str, Any]) -> str:
    """How an answer is given, and when it is right."""
    if ask["kind"] == "choice":
        return "   ".join(f"{i} {option}" for i, option in enumerate(ask["options"], 1))
    if ask["kind"] == "layer":
        return f"A layer or none; right within {ask['within']} layers, half a point within {2 * ask['within']}."
    within = ask["within"]
    return f"A number; right within a factor of {within:g}, half a point within {within**2:.2g}."


def _option(options: list[str], text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= len(options):
        return int(text) - 1
    begins = [i for i, option in enumerate(options) if text and option.lower().startswith(text)]
    if len(begins) != 1:
        allowed = ", ".join(f"{i} for {option}" for i, option in enumerate(options, 1))
        raise UserError(f"{text or 'nothing'}: must be one of {allowed}")
    return begins[0]


def _layer(last: int, text: str) -> LayerAnswer:
    if text == NONE:
        return LayerAnswer(None)
    place = text.removeprefix("layers.")
    if not (place.isascii() and place.isdecimal()) or int(place) > last:
        raise UserError(f"{text or 'nothing'}: must be a layer from 0 to {last}, or none")
    return LayerAnswer(int(place))
