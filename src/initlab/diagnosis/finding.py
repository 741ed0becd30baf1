"""One thing that is wrong with a run, with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

OF_THE_STEPS = ("update", "loss", "not trained")  # kinds that are about the steps: no initialisation has them


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, since when, by which number, and what to try.

    kind:     "dead layer", "vanishing gradient", ...: what it is about.
    layers:   names of layers, or of parameters where it is about those, in execution order; () for the whole run.
    since:    the first step of which it holds; from there on it held in every sample.
    value:    the number that is the evidence, `measure` what that number is.
    says:     the sentence, without where and when, which follow from the fields above.
    advice:   what to try; "" where another finding says it.
    """

    kind: str
    layers: tuple[str, ...]
    since: int
    measure: str
    value: float
    says: str
    advice: str

    @property
    def from_the_start(self) -> bool:
        """Whether the initialisation has it; else the training brought it."""
        return self.since == 0

    @property
    def sentence(self) -> str:
        where = f"{first_to_last(self.layers)}: " if self.layers else ""
        if self.kind.startswith(OF_THE_STEPS):
            when = f"from step {self.since} on"
        elif self.from_the_start:
            when = "from step 0, the initialisation"
        else:  # a nan may have come with a batch
            when = f"since step {self.since}" + (", by training" if self.kind != "non-finite" else "")
        return f"{self.kind}, {when}: {where}{self.says}."

    @property
    def with_advice(self) -> str:
        return f"{self.sentence} Try: {self.advice}." if self.advice else self.sentence

    def record(self) -> dict[str, Any]:
        """Plain values, as they stand in findings.json; a number that JSON has no word for becomes text."""
        finite = self.value - self.value == 0
        return asdict(self) | {
            "layers": list(self.layers),
            "value": self.value if finite else str(self.value),
            "from_the_start": self.from_the_start,
            "sentence": self.sentence,
        }


def first_to_last(names: Sequence[str]) -> str:
    """`phi.0`, `phi.0 and phi.1`, `phi.0 ... phi.7 (8 of them)`."""
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} ... {names[-1]} ({len(names)} of them)"
