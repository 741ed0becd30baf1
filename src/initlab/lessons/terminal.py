"""The lessons in a terminal: plain lines in, plain lines out, through a pipe too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from initlab.console import CONSOLE, say, say_command
from initlab.errors import UserError
from initlab.invocation import command
from initlab.lessons.answers import Answer, how, points, read
from initlab.lessons.sheet import Lesson, sheet

WORDS = {1.0: ("right", "green"), 0.5: ("near", "yellow"), 0.0: ("missed", "red")}
Live = Callable[[Lesson], str]


class Score:
    """Points so far, and the lessons in which one was missed."""

    def __init__(self) -> None:
        self.got, self.asked = 0.0, 0
        self.missed: list[Lesson] = []

    def add(self, lesson: Lesson, earned: list[float]) -> None:
        self.got += sum(earned)
        self.asked += len(earned)
        if sum(earned) < len(earned):
            self.missed.append(lesson)

    def __str__(self) -> str:
        return f"{self.got:g} of {self.asked}"


def play(seed: int, live: Live | None = None) -> None:
    """Ask, show, count. Ctrl-C and the end of the input end it with the score so far.

    live: trains a lesson's network and says what came out.
    """
    lessons, score = sheet(seed), Score()
    say(
        f"Predict, then look. {len(lessons)} networks in the order of the books; seed={seed} deals the same ones to "
        "everybody. Ctrl-D stops."
    )
    try:
        for i, lesson in enumerate(lessons, 1):
            _show(lesson, f"{i} of {len(lessons)}")
            given = [_ask(ask) for ask in lesson.asks]
            earned = [points(ask, answer) for ask, answer in zip(lesson.asks, given, strict=True)]
            score.add(lesson, earned)
            _reveal(lesson, earned, live)
            say(f"{score}", "score", "bold")
    except (KeyboardInterrupt, EOFError):
        CONSOLE.print()
    _close(score, seed)


def _show(lesson: Lesson, place: str) -> None:
    CONSOLE.print()
    say(f"{lesson.question}", place, "bold")
    say(lesson.network, "network")
    say(lesson.start, "start")
    say(lesson.training, "training")


def _ask(ask: dict[str, Any]) -> Answer:
    """Again and again, until it is an answer."""
    CONSOLE.print()
    say(str(ask["text"]), "?", "bold")
    say(how(ask), " ")
    while True:
        try:
            return read(ask, input("> "))
        except UserError as error:
            say(str(error))


def _reveal(lesson: Lesson, earned: list[float], live: Live | None) -> None:
    CONSOLE.print()
    for ask, one in zip(lesson.asks, earned, strict=True):
        word, style = WORDS[one]
        say(f"{right(ask)}: {ask['seen']}.", word, style)
    if lesson.forecast["says"]:
        wrong = " Here the forecast is wrong; the run decides." if lesson.forecast["wrong"] else ""
        say(f"{lesson.forecast['says']}.{wrong}", "forecast")
    if lesson.forecast["dies"]:
        say(f"{lesson.forecast['dies']}.", " ")
    say(lesson.why, "why")
    say(f"page {lesson.page} of the gallery", "see")
    say_command([*command("train"), *lesson.words], "live")
    if live is not None:
        say(live(lesson), " ")


def right(ask: dict[str, Any]) -> str:
    """The right answer in words."""
    if ask["kind"] == "choice":
        return str(ask["options"][ask["answer"]])
    if ask["kind"] == "layer":
        return "none" if ask["answer"] is None else f"layers.{ask['answer']}"
    return f"{ask['answer']:.3g}"


def _close(score: Score, seed: int) -> None:
    if not score.asked:
        say(f"Nothing answered yet; seed={seed} begins with the same network.")
        return
    pages = ", ".join(lesson.page for lesson in score.missed)
    again = f"Look again at {pages} in the gallery." if pages else "Nothing to look at again."
    say(f"Score {score}, seed={seed}. {again}", style="bold")
