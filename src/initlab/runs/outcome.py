"""Did it train, and if not why: in words, from the rows alone."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from initlab.numbers import shown
from initlab.runs.open_run import Run
from initlab.runs.reader import number

LEAST_FALL = 0.01  # of the loss at the start, the same as the finding "loss not moving" asks for
HARDLY = 0.05  # a smaller fall is no training that anybody would call one: log 10 down to 2.19
FACTS = ("test/acc", "val/acc", "val/loss", "train/loss", "test/loss")
FEW = 20  # updates, after which no loss says whether a run trains: the one of step 0 is from before the first
LAST = 4  # rows whose median is the loss at the end
NEAR = 0.02  # how near, relatively, loss and accuracy are to those of guessing


@dataclass(frozen=True)
class Outcome:
    """word: trained, flat, diverged (and ended with an error for that, perhaps), failed, unfinished, not begun or
    unknown; says: the headline; because: its
    evidence; cause: what was wrong first, of a run that did not train; bad: it failed or did not train, or has not so
    far; reached: how far an unfinished one came."""

    word: str
    says: str
    because: str
    cause: str = ""
    bad: bool = False
    reached: str = ""


def outcome(run: Run) -> Outcome:
    if run.state == "not begun":
        return Outcome("not begun", "It has not begun.", "")
    word, because = _learning(run)
    if word in ("flat", "hardly") and (made := updates(run)) < FEW:
        word, because = "unknown", f"{because} {made} update{'s are' if made > 1 else ' is'} too few to tell."
    if run.state == "failed":
        how = ("diverged", "It diverged and was ended.") if _non_finite(run) else ("failed", "It failed.")
        because = sentence(str(run.failed.get("error") or "without a word"))
        return Outcome(*how, because, cause(run.findings), bad=True)
    bad = word in ("flat", "hardly", "diverged")
    why = cause(run.findings) if bad else ""
    if run.state == "unfinished":
        so_far = {
            "trained": "; so far it trains",
            "flat": "; so far it does not train",
            "hardly": "; so far it hardly trains",
            "diverged": "; it diverged",
            "unknown": "",
        }[word]
        return Outcome("unfinished", f"It did not finish{so_far}.", because, why, bad, _how_far(run))
    headline = {
        "trained": "It trained.",
        "flat": "It did not train.",
        "hardly": "It hardly trained.",
        "diverged": "It diverged.",
        "unknown": "It ended; whether it trained cannot be told.",
    }[word]
    ended = (run.summary or {}).get("ended")
    if isinstance(ended, dict) and ended.get("says"):
        says = str(ended["says"])
        because += f" {sentence(says[:1].upper() + says[1:])}"
    if word == "trained" and run.findings:
        headline = f"It trained, with {len(run.findings)} finding{'s' * (len(run.findings) > 1)}."
    return Outcome("flat" if word == "hardly" else word, headline, because, why, bad)


def facts(run: Run) -> dict[str, str]:
    """The metrics at its end that say most, by name, as far as they are numbers."""
    finite = (name for name in FACTS if math.isfinite(run.last.get(name, math.nan)))
    return {name: f"{shown(run.last[name])}{of_epoch(run, name)}" for name in finite}


def of_epoch(run: Run, name: str) -> str:
    """` (epoch 6)`, where the last that has this metric is not the run's last; else nothing."""
    end = max((max(curve) for curve in run.curves.values()), default=0)
    last = max(run.curves.get(name, {}), default=end)
    return f" (epoch {last + 1})" if last < end else ""


def cause(findings: list[dict[str, Any]]) -> str:
    """`Cause, from step 0: each layer multiplies the std of the signal by 0.16.`, of the first that says more
    than that the loss does not fall; empty if none does."""
    for finding in findings:
        if finding.get("says") and not str(finding.get("kind", "")).startswith(("loss", "update")):
            where = "" if len(finding.get("layers") or []) != 1 else f"{finding['layers'][0]}, "
            return sentence(f"Cause, from step {finding.get('since')}: {where}{finding['says']}")
    return ""


def blame(findings: list[dict[str, Any]]) -> str:
    """Which findings were there at step 0, and which the training brought."""
    first: list[str] = []
    later: list[str] = []
    for finding in findings:
        (first if finding.get("from_the_start") else later).append(str(finding.get("kind", "finding")))
    parts = []
    if first:
        parts.append(f"There at step 0, so the initialisation has it: {_listed(first)}.")
    if later:
        parts.append(f"{'Came later' if first else 'Came while it trained'}: {_listed(later)}.")
    return " ".join(parts)


def sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def losses(run: Run) -> tuple[float, str, float, str]:
    """The training loss at the start and at the end, each with when that was; nan where there is none.

    The end is the mean over the last epoch, except of an only one, whose mean holds the first steps: there it is the
    last rows.
    """
    start = end = math.nan
    since, until = "", ""
    rows = sorted(run.recorded.get("loss", {}).get("loss", {}).items())
    if rows:
        (first, start), (last, _) = rows[0], rows[-1]
        end = math.nan if any(math.isnan(v) for _, v in rows[-LAST:]) else statistics.median(v for _, v in rows[-LAST:])
        since, until = f"step {first:,}", f"step {last:,}"
    epochs = sorted(run.curves.get("train/loss", {}).items())
    if epochs:
        if not since and len(epochs) > 1:
            start, since = epochs[0][1], f"epoch {epochs[0][0] + 1}"
        if len(epochs) > 1 or len(rows) < LAST:
            end, until = epochs[-1][1], f"epoch {epochs[-1][0] + 1}"
    return start, since, end, until


def updates(run: Run) -> int:
    """So many it has made, by its rows."""
    recorded = run.recorded.get("loss", {}).get("loss", {})
    return int(max([*run.epochs["step"], *(step + 1 for step in recorded)], default=0))


def classifies(run: Run) -> bool:
    """Whether its loss is a cross-entropy; a regression may count right answers too."""
    model = run.settings.get("model")
    return "train/acc" in run.last and isinstance(model, dict) and model.get("task") != "regression"


def guessing(loss: float, accuracy: float) -> int | None:
    """Of how many classes a model guesses that has this cross-entropy and accuracy; None if it does better.

    One that gives each of C classes the same probability has loss log C and accuracy 1 / C.
    """
    if not 0 < accuracy <= 0.6:
        return None
    classes = round(1 / accuracy)
    alike = abs(loss / math.log(classes) - 1) < NEAR / 2 and abs(accuracy * classes - 1) < 10 * NEAR
    return classes if alike else None


def _learning(run: Run) -> tuple[str, str]:
    start, since, end, until = losses(run)
    if not until:
        return "unknown", "No loss was recorded."
    if not math.isfinite(end) or _non_finite(run):
        return "diverged", f"The training loss is {shown(end)} at {until}." if math.isfinite(end) else (
            f"The training loss is not a number at {until}"
            + (f", {shown(start)} at {since}." if math.isfinite(start) else ".")
        )
    metrics = ", ".join(
        f"{name} {shown(run.last[name])}{of_epoch(run, name)}"
        for name in ("test/acc", "val/acc", "val/loss")
        if name in run.last
    )
    end_or_now = "At the end" if run.state == "finished" else "So far"
    metrics = f" {end_or_now}: {metrics}." if metrics else ""
    fall = f"from {shown(start)} at {since} to {shown(end)} at {until}."
    classes = guessing(end, run.last.get("train/acc", math.nan))
    if classes:
        chance = f"Its loss, {shown(end)} at {until}, is log {classes} = {math.log(classes):.4f}"
        return "flat", f"{chance}, that of guessing among {classes} classes.{metrics}"
    widths = run.forecast.get("widths")
    classes = widths[-1] if isinstance(widths, list) and widths and classifies(run) else 0
    if isinstance(classes, int) and classes > 1 and end > math.log(classes):
        guess = f"above log {classes} = {math.log(classes):.4f}, what guessing among {classes} classes costs"
        return "flat", f"The training loss is {shown(end)} at {until}, {guess}.{metrics}"
    mean = number(run.forecast.get("guess"))
    if mean > 0 and end > mean * (1 - NEAR / 2):
        guess = f"to answer the mean of the targets to every input costs {shown(mean)}"
        return "flat", f"The training loss is {shown(end)} at {until}, and {guess}.{metrics}"
    if not since or not math.isfinite(start):
        return "unknown", f"The training loss is {shown(end)} at {until}, and no earlier one is known.{metrics}"
    if any(finding.get("kind") == "loss not moving" for finding in run.findings) or end > start * (1 - LEAST_FALL):
        return "flat", f"The training loss went {fall}{metrics}"
    if start > 0 and end > start * (1 - HARDLY):
        return "hardly", f"The training loss fell by {1 - end / start:.1%} only, {fall}{metrics}"
    return "trained", f"The training loss fell {fall}{metrics}"


def _non_finite(run: Run) -> bool:
    return any(finding.get("kind") == "non-finite" for finding in run.findings)


def _how_far(run: Run) -> str:
    trainer = run.settings.get("trainer")
    asked = number(trainer.get("max_epochs")) if isinstance(trainer, dict) else math.nan
    of = f" of {asked:.0f}" if asked > 0 else ""
    epochs = int(max(run.epochs["epoch"], default=-1)) + 1
    recorded = (step for layers in run.recorded.values() for steps in layers.values() for step in steps)
    steps = max(recorded, default=-1)
    if not epochs and steps < 0:
        return "It wrote no figures: it was stopped before its first epoch ended, or still runs."
    until = f", rows up to step {steps:,}" if steps >= 0 else ""
    return f"It wrote {epochs}{of} epochs{until}; it was stopped, or still runs."


def _listed(words: list[str]) -> str:
    words = list(dict.fromkeys(words))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
