"""A sheet: one lesson of each of ten pages, in the order of the books, the same for everybody with its seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DECK = Path(__file__).with_name("deck.json")
LENGTH = 10  # lessons of a sheet
SEEDS = 2**32
GOLDEN = 2654435769  # 2^32 over the golden ratio


@dataclass(frozen=True)
class Lesson:
    """One network. asks: the questions as deck.json has them; words: what trains it, behind `train`."""

    page: str
    question: str
    network: str
    start: str
    training: str
    asks: tuple[dict[str, Any], ...]
    forecast: dict[str, Any]
    why: str
    words: tuple[str, ...]


def deck() -> list[list[Lesson]]:
    """The lessons of every page."""
    pages = json.loads(DECK.read_text("utf-8"))
    return [[_lesson(page, one) for one in page["lessons"]] for page in pages]


def sheet(seed: int) -> list[Lesson]:
    """Those that a seed deals; docs/lessons.html deals the same."""
    draw, pages = _numbers(seed), deck()
    chosen: list[Lesson] = []
    for i, lessons in enumerate(pages):
        take = draw(len(pages) - i) < LENGTH - len(chosen)  # each page as likely as any
        one = draw(len(lessons))
        if take:
            chosen.append(lessons[one])
    return chosen


def _numbers(seed: int) -> Callable[[int], int]:
    """Whole numbers from 0 to below n, by a congruential generator whose bits are mixed; as short in JavaScript."""
    state = seed * GOLDEN % SEEDS  # else seeds that are near each other begin alike

    def draw(n: int) -> int:
        nonlocal state
        state = (state * 1664525 + 1013904223) % SEEDS
        mixed = (state ^ state >> 16) * GOLDEN % SEEDS
        return (mixed ^ mixed >> 15) * n // SEEDS

    return draw


def _lesson(page: dict[str, Any], one: dict[str, Any]) -> Lesson:
    plain = {key: one[key] for key in ("network", "start", "training", "forecast", "why")}
    return Lesson(page["page"], page["question"], asks=tuple(one["asks"]), words=tuple(one["words"]), **plain)
