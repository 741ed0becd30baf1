"""From the forks to three sentences: which change makes it train, and so what was to blame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from initlab.numbers import shown
from initlab.proof.fork import CAUSES, Change, Fork
from initlab.proof.labels import Labels

VERSION = 1
LEAST, MOST = 20, 2000  # updates of a fork
NONE_HELPS = {  # by group, in the order in which they are named; a fork of each stands in the table
    "lr": "no learning rate from {low} to {high}", "init": "no other scheme",
    "branches": "no smaller residual branches", "optimizer": "no other optimiser", "activation": "no other activation",
    "depth": "no smaller depth", "data": "no normalised inputs", "column": "no column left out",
    "order": "no other order of the rows", "batch": "no other batch size", "setting": "no setting taken back",
}  # fmt: skip
OTHER_SEEDS = 2  # of three that train as the run was: then this seed is to blame


@dataclass
class Evidence:
    """What is known so far.

    whole:    these steps are all that the run makes.
    guess:    the loss of a network that says the same to every input.
    of:       what differs between the repetitions of a fork: "seeds", or "orders" of the batches.
    trained:  by the rule, at its end; fell: where it did not, in words, that its loss fell all the same.
    repeats:  whether the run as it was had the losses that were recorded.
    complete: everything was tried that was to be.
    """

    steps: int
    forks: list[Fork]
    labels: Labels | None = None
    as_it_was: Fork | None = None
    mended: Fork | None = None
    guess: float = math.inf
    of: str = "seeds"
    trained: bool = False
    fell: str = ""
    end: float = math.nan
    metrics: dict[str, float] = field(default_factory=dict)
    repeats: str = ""
    complete: bool = True
    whole: bool = False

    @property
    def answers(self) -> list[Fork]:
        """Forks that made all their steps."""
        return [fork for fork in self.forks if not fork.error]

    @property
    def of_labels(self) -> bool:
        """Whether the data alone explain it."""
        return self.labels is not None and self.labels.say_nothing and not any(fork.trains for fork in self.forks)


@dataclass(frozen=True)
class Explanation:
    """verdict: "trains", "explained" or "not explained"; cause: a key of `CAUSES`, or two, "init and lr"; says: three
    sentences; change: that makes it train, the smallest; command: that makes the change."""

    verdict: str
    cause: str
    says: tuple[str, ...]
    evidence: Evidence
    change: Change | None = None
    command: str = ""

    def __str__(self) -> str:
        return " ".join(self.says)

    @property
    def notes(self) -> tuple[str, ...]:
        """How far the run could be repeated."""
        it = self.evidence
        without = it.as_it_was.without if it.as_it_was else ""
        differs = without or "the data, the code or the machine differ"
        says = {
            "to the bit": f"The first {it.steps} steps again, as it was: the same losses as recorded, to the bit.",
            "nearly": "As it was the losses are nearly those that were recorded; another machine rounds differently.",
            "no": f"As it was the losses are not those that were recorded: {differs}.",
        }.get(it.repeats)
        again = f"In these steps {without}." if without and it.repeats != "no" else ""
        return tuple(filter(None, (says, again)))

    def with_command(self, command: str) -> Explanation:
        return replace(self, command=command)

    def record(self) -> dict[str, Any]:
        """As explanation.json has it."""
        it = self.evidence
        return {
            "version": VERSION,
            "verdict": self.verdict,
            "cause": self.cause,
            "says": list(self.says),
            "complete": it.complete,
            "steps": it.steps,
            "repeats": it.repeats,
            "change": list(self.change.words) if self.change else [],
            "command": self.command,
            "labels": {"z": it.labels.z, "says": it.labels.says} if it.labels else None,
            "as_it_was": _of(it.as_it_was) if it.as_it_was else None,
            "forks": [_of(fork) for fork in it.forks],
            "signal": {
                name: _signal(fork) for name, fork in (("as it was", it.as_it_was), ("mended", it.mended)) if fork
            },
        }


def _of(fork: Fork) -> dict[str, Any]:
    return {
        "name": fork.change.name,
        "group": fork.change.group,
        "trains": fork.trains,
        "loss": fork.loss,
        "losses": [float(f"{loss:.6g}") for loss in fork.losses],
        "seeds": [fork.votes[0], fork.votes[1]],
        "error": fork.error,
    }


def _signal(fork: Fork) -> dict[str, Any]:
    """A row a layer, null where a step has none."""
    steps = sorted({step for points in fork.signal.values() for step in points})
    rows = [[_digits(points.get(step)) for step in steps] for points in fork.signal.values()]
    return {"layers": list(fork.signal), "steps": steps, "std": rows}


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def conclude(it: Evidence) -> Explanation:
    if it.trained:
        metrics = ", ".join(f"{name} {shown(value)}" for name, value in it.metrics.items())
        says = f"It trains; nothing to explain: the training loss ended at {shown(it.end)}"
        return Explanation("trains", "", (f"{says}{f' ({metrics})' if metrics else ''}.",), it)
    if it.as_it_was is None:
        return Explanation("not explained", "", ("It was stopped before anything was known.",), it)
    was = it.as_it_was
    if not it.complete and it.mended is None:  # the smallest so far, of one seed
        it.mended = min((f for f in it.forks if f.trains), key=lambda f: f.change.size, default=None)
    sentences = tuple(_sentences(it, was))
    if not it.complete:
        sentences = (*sentences, f"It was stopped after {len(it.forks)} changes; this is what was known by then.")
    if was.trains:
        return Explanation("trains", "", sentences, it)
    seeds = it.mended is None and _of_the_seed(was)
    cause = "seed" if seeds else it.mended.change.group if it.mended else "labels" if it.of_labels else ""
    verdict = "explained" if cause else "not explained"
    return Explanation(verdict, cause, sentences, it, it.mended.change if it.mended and not seeds else None)


def _sentences(it: Evidence, was: Fork) -> Iterator[str]:
    after = f"after {it.steps} steps"
    if was.trains:
        yield f"As it was it trains {after}: the loss is {shown(was.loss)}, {shown(was.losses[0])} at step 0."
        yield "What went wrong later is beyond these steps."
    elif it.mended is not None:
        yield from _mended(it, it.mended, was, after)
    elif _of_the_seed(was):
        yield f"It did not train because of {CAUSES['seed']}."
        trains, of = sum(f.trains for f in was.further), len(was.further)
        yield f"With other seeds and nothing else changed {trains} of {of} train; its own loss {after} is {_loss(was)}."
        yield f"{_tried(it)} with its seed."
    elif it.of_labels and it.labels is not None:
        yield f"It did not train because of {CAUSES['labels']}."
        yield f"Without the network, {it.labels.says}."
        yield f"{_tried(it)}: the loss is {_loss(was)} as it was{_seeds(was, it)}."
    else:
        if it.fell:
            yield f"It trains as far as these data allow, or none of {len(it.answers)} changes tells why not: {it.fell}"
        else:
            yield f"It did not train, and that is not explained by these {len(it.answers)} changes."
        finite = [fork for fork in it.answers if math.isfinite(fork.loss)]
        best = min(finite, key=lambda fork: fork.loss, default=None)
        nearest = f"; the nearest is {best.change.name}, {shown(best.loss)}" if best else ""
        yield f"The loss{_held(was)} is {_loss(was)} {after} as it was{_seeds(was, it)}{nearest}."
        marks = [fork.change.accuses for fork in it.forks if fork.change.group == "bug"]
        if marks:
            yield f"Seen in its first step, but not enough by itself: {'; '.join(marks)}."
        steps = it.steps if it.whole else min(4 * it.steps, MOST)
        yield f"{_tried(it)}; steps={steps} looks further." if steps > it.steps else f"{_tried(it)}."


def _mended(it: Evidence, mended: Fork, was: Fork, after: str) -> Iterator[str]:
    two = " and " in mended.change.group
    groups = mended.change.group.split(" and ")
    half = "half of guessing" if was.losses and was.losses[0] > it.guess else "half"
    what = f"Its loss fell, but not to {half}," if it.fell else "It did not train"
    if two:
        yield (
            f"{what} because of two things, {mended.change.cause}: "
            f"no one of {sum(' and ' not in f.change.group for f in it.answers)} changes is enough."
        )
    else:
        yield f"{what} because of {mended.change.cause}."
    yield (
        f"With {mended.change.name} and nothing else changed the loss{_held(mended)} is {shown(mended.loss)} {after} "
        f"({_votes(mended)} {it.of} train), {_loss(was)} as it was ({_votes(was)})."
    )
    also = _also(it, mended)
    if also:
        yield f"A larger change does it too: {', '.join(f'{f.change.name} ({shown(f.loss)})' for f in also)}."
    partly = [
        f"{f.change.name} with {_votes(f)} {it.of}" for f in it.forks if f.trains and f.further and not f.confirmed
    ]
    if partly:
        yield f"Not enough: {', '.join(partly)}."
    failed = list(_none_helps(it, {fork.change.group for fork in also} | set(groups)))
    if failed:
        first, count = failed[0].split(" (")
        text = ", ".join([f"{first} helps ({count}", *failed[1:]])
        yield f"{text[0].upper()}{text[1:]}."


def _held(fork: Fork) -> str:
    return " of shuffled batches" if fork.held else ""


def _votes(fork: Fork) -> str:
    return f"{fork.votes[0]} of {fork.votes[1]}"


def _seeds(was: Fork, it: Evidence) -> str:
    trains, of = was.votes
    return f" ({of - trains} of {of} {it.of} fail)" if of > 1 else ""


def _loss(fork: Fork) -> str:
    return shown(fork.loss) if math.isfinite(fork.loss) else "not a number"


def _also(it: Evidence, mended: Fork) -> list[Fork]:
    """The smallest of each other group that suffices, as far as it was tried; pairs aside."""
    found: dict[str, Fork] = {}
    for fork in sorted(it.forks, key=lambda f: f.change.size):
        if (
            (fork.confirmed if fork.further else fork.trains)
            and fork.change.group != mended.change.group
            and " and " not in fork.change.group
        ):
            found.setdefault(fork.change.group, fork)
    return list(found.values())


def _none_helps(it: Evidence, known: set[str]) -> Iterator[str]:
    """Groups of which no fork trains."""
    for group, none in NONE_HELPS.items():
        of = [fork for fork in it.answers if fork.change.group == group]
        if of and group not in known and not any(fork.trains for fork in of):
            rates = [float(fork.change.words[0].partition("=")[2]) for fork in of if group == "lr"]
            words = none.format(low=f"{min(rates, default=0):g}", high=f"{max(rates, default=0):g}")
            yield f"{words} (0 of {len(of)})"


def _of_the_seed(was: Fork) -> bool:
    return sum(fork.trains for fork in was.further) >= OTHER_SEEDS


def _tried(it: Evidence) -> str:
    if not it.answers:
        return "No change could be tried to the end"
    groups = list(dict.fromkeys(fork.change.group for fork in it.answers if " and " not in fork.change.group))
    pairs = sum(" and " in fork.change.group for fork in it.answers)
    some = any(fork.trains for fork in it.answers)
    with_seeds = f" with three of four {it.of}" if some else ""
    text = f"None of {len(it.answers) - pairs} changes of {', '.join(groups)} makes it train{with_seeds}"
    return text + (f", and none of {pairs} pairs" if pairs else "")
