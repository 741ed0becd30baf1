"""What a forecast says, of a network on paper or of one that was measured: as text, in a notebook, in forecast.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD

from initlab.console import Column, as_text, say, show_table
from initlab.forecasting.rule import NOT, TRAINS, UNKNOWN, UNSURE, Verdict
from initlab.notebook import Displays, card, table

COLOURS = {TRAINS: "green", NOT: "red", UNSURE: "yellow", UNKNOWN: "white"}
TONES = {TRAINS: "good", NOT: "bad", UNSURE: "open", UNKNOWN: ""}
WIDTH = 100  # of a table as text


class Answer(Displays):
    """dies: what is lost or grows, and at which layer; "" if nothing does. kind: of the optimiser, "sgd" or "adam".
    notes: what was assumed or left out, a sentence each."""

    verdict: Verdict
    dies: str
    kind: str
    notes: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Whether the verdict is that it trains; False on the edge and without a forecast, too."""
        return self.verdict.word == TRAINS

    @property
    def title(self) -> str:
        """Of what it is a forecast."""
        raise NotImplementedError

    def columns(self) -> list[Column]:
        """A line a layer."""
        raise NotImplementedError

    def numbers(self) -> dict[str, Any]:
        """What its kind has in forecast.json besides the verdict, as plain values."""
        raise NotImplementedError

    def details(self) -> list[str]:
        """Sentences between what it says and the rule behind it."""
        return []

    def sentences(self) -> list[str]:
        """The verdict first, and what it rests on."""
        rule = f"the rule: {self.verdict.record}" if self.verdict.record else ""
        return [line for line in (self.verdict.says, self.dies, *self.details(), rule, *self.notes) if line]

    def table(self) -> str:
        return as_text(WIDTH, lambda page: show_table(self.columns(), box=SIMPLE_HEAD, narrow=True, console=page))

    def as_text(self) -> str:
        return "\n".join([*self.sentences(), "", self.table()]).rstrip()

    def as_html(self) -> str:
        made, said = self.columns(), self.sentences()
        cells = {column.heading: column.cells for column in made}
        parts = table(cells, [column.heading for column in made if not column.right])
        return card(said[0], said[1:], TONES[self.verdict.word], f"initlab forecast · {self.title}", parts)

    def record(self) -> dict[str, Any]:
        """Plain values, as they stand in forecast.json."""
        verdict = self.verdict
        said = {"verdict": verdict.word, "says": verdict.says, "why": verdict.why, "rule": verdict.record}
        return {**said, "dies": self.dies, "optimizer": self.kind, **self.numbers()}


def show(columns: Sequence[Column], legend: str, sentences: Sequence[str]) -> None:
    """In the terminal."""
    if columns:
        show_table(columns, box=SIMPLE_HEAD, narrow=True)
        say(legend, style="dim")
    for sentence in sentences:
        say(sentence)
