"""Predict, then look: lessons made of the gallery's pages. Their answers are in deck.json, which
`python scripts/lessons_page.py` writes from the records."""

from initlab.lessons.answers import LayerAnswer, number, points, read
from initlab.lessons.sheet import Lesson, deck, sheet
from initlab.lessons.terminal import play

__all__ = ["LayerAnswer", "Lesson", "deck", "number", "play", "points", "read", "sheet"]
