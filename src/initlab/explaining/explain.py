"""`explain(run)`: the run again from its seed, as it was and with one thing changed, until the cause is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from omegaconf import OmegaConf

from initlab.build import build
from initlab.console import CONSOLE, say
from initlab.diagnosis.learning import LEARNS
from initlab.errors import UserError
from initlab.explaining import hypotheses
from initlab.explaining.command import command_with
from initlab.explaining.forking import fork, quiet
from initlab.explaining.hypotheses import Case
from initlab.process.settings import process_left_as_it_was
from initlab.proof.bugs import Look
from initlab.proof.conclusion import Evidence, Explanation, conclude
from initlab.proof.fork import AS_IT_WAS, Change, Fork
from initlab.proof.labels import ROWS, Labels, labels_of
from initlab.runs import Run, open_run
from initlab.runs.atomic import write_json
from initlab.runs.outcome import losses
from initlab.runs.resume import own_config

STEPS, LEAST, MOST = 100, 20, 2000
FURTHER = (1, 2, 3)  # added to the seed
TRIES = 4  # changes that suffice with one seed and are asked to with others
FILE = "explanation.json"
SAME = 1e-3  # relatively: losses that differ by less are of the same run on another machine


def explain(run: Run | str | Path = "latest", *, steps: int = STEPS, allow: Sequence[str] = ()) -> Explanation:
    """Why a run of ours did not train: a finished, a stopped or a failed one. `print(explain("latest"))`.

    The run is repeated in this process for its first `steps` updates from the same seed, with the same weights and
    batches, as it was and with one thing changed at a time: about a second each for the default MLP. What was found is
    written to `explanation.json` in its folder, where the report shows it; nothing else there is touched.

    Raises:
        UserError: no run is there, or it cannot be repeated here.
        KeyboardInterrupt: what was known by then is written.
    """
    if not isinstance(steps, int) or not LEAST <= steps <= MOST:
        raise UserError(f"steps={steps}: must be a whole number of updates from {LEAST} to {MOST}")
    run = run if isinstance(run, Run) else open_run(run, allow=allow)
    run.check()
    with process_left_as_it_was():
        return _Proof(run, steps).explain()


class _Proof:
    def __init__(self, run: Run, steps: int) -> None:
        self.run = run
        self.config = _config(run)
        self.forks: list[Fork] = []
        self.data = build(OmegaConf.create(self.config), "data")
        self.data.prepare_data()
        X, y = _rows(self.data)
        self.labels: Labels | None = None if X is None else labels_of(X, y)
        self.guess = _guess(self.config, y, self.data)
        self.case = Case(self.config, len(self.data.splits.train[1]) if hasattr(self.data, "splits") else 0)
        self.evidence = Evidence(steps, self.forks, labels=self.labels)

    def explain(self) -> Explanation:
        if self._trained():
            return self._written()
        try:
            self._find()
        except (KeyboardInterrupt, SystemExit):
            self.evidence.complete = False
            self._written()
            raise
        return self._written()

    def _trained(self) -> bool:
        """By the whole run, with the same rule as of a fork."""
        start, _, end, until = losses(self.run)
        whole = Fork(AS_IT_WAS, [start, *[end] * 10] if until and not self.run.failed else [], self.guess)
        self.evidence.end = end
        if whole.trains:
            self.evidence.metrics = {n: v for n, v in self.run.last.items() if n in ("test/acc", "val/acc", "val/loss")}
            self.evidence.trained = True
        return whole.trains

    def _find(self) -> None:
        as_it_was = self._fork(AS_IT_WAS)
        if as_it_was.trains and (later := self._when_it_failed()):
            self.evidence.steps = later
            as_it_was = self._fork(AS_IT_WAS)
        self.evidence.as_it_was = as_it_was
        self.evidence.repeats = self._repeats(as_it_was)
        if as_it_was.error and not as_it_was.losses:
            raise UserError(f"{self.run.path}: the run cannot be repeated here: {as_it_was.error}")
        if as_it_was.trains:
            return
        self.forks += [self._fork(change) for change in self._mistakes()]
        last = ("batch", "depth")  # which cure much and are seldom the cause: asked where nothing else is enough
        singles = hypotheses.single_changes(self.case)
        for changes in ([c for c in singles if c.group not in last], [c for c in singles if c.group in last]):
            for change in changes:
                self.forks.append(self._fork(change))
            if self._confirm() is not None:
                break
        if self.evidence.mended is None and not self.evidence.of_labels:
            for change in hypotheses.pairs(self.case):
                self.forks.append(self._fork(change))
                if self.forks[-1].trains and self._confirm() is not None:
                    break
        self._with_other_seeds(as_it_was)

    def _when_it_failed(self) -> int | None:
        """So many steps that the end of the first batches that no longer train is among them; None: too many."""
        recorded = self.run.recorded.get("loss", {}).get("loss", {})
        most = LEARNS * min(recorded.get(0, math.inf), self.guess)
        bad = [step for step, loss in sorted(recorded.items()) if step >= self.evidence.steps and not loss <= most]
        return next((step + STEPS // 2 for step in bad if step + STEPS // 2 <= MOST), None)

    def _mistakes(self) -> list[Change]:
        """Of a module of the user's, by what is seen in one step."""
        if str(self.config["model"]["_target_"]).startswith("initlab."):
            return []
        look = Look()
        with quiet():
            fork(self.config, Change("", ("look",), 0.0, lambda: look), 1, self.guess)
        return look.changes()

    def _confirm(self) -> Fork | None:
        """The smallest change that suffices with other seeds too."""
        there = sorted((f for f in self.forks if f.trains), key=lambda f: f.change.size)
        for found in there[:TRIES]:
            if not found.further:
                self._with_other_seeds(found)
            if found.confirmed:
                self.evidence.mended = found
                return found
        return None

    def _with_other_seeds(self, found: Fork) -> None:
        for words in hypotheses.seeds(self.config, FURTHER):
            found.further.append(self._fork(found.change, words))

    def _fork(self, change: Change, seed: Sequence[str] = ()) -> Fork:
        self._line(f"{1 + len(self.forks)}: {change.name}{' ' if seed else ''}{' '.join(seed)}")
        with quiet():
            return fork(self.config, change, self.evidence.steps, self.guess, seed)

    def _repeats(self, again: Fork) -> str:
        """Whether the first losses are those that the run recorded: "to the bit", "nearly", "no", or "" where none were
        recorded."""
        recorded = self.run.recorded.get("loss", {}).get("loss", {})
        both = [(recorded[i], loss) for i, loss in enumerate(again.losses) if i in recorded]
        if not both:
            return ""
        if all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in both):
            return "to the bit"
        return "nearly" if all(math.isclose(a, b, rel_tol=SAME) for a, b in both) else "no"

    def _written(self) -> Explanation:
        self._line("")
        found = conclude(self.evidence)
        if found.change is not None and found.change.applies is None:
            found = found.with_command(command_with(self.run, found.change.words))
        try:
            write_json(self.run.path / FILE, found.record(), indent=None)
        except OSError as error:
            say(f"{self.run.path / FILE}: {error.strerror or error}; the explanation is not kept", "note")
        return found

    def _line(self, text: str) -> None:
        if CONSOLE.is_terminal and not CONSOLE.quiet:
            print(f"\r\033[K{text[: CONSOLE.width - 1]}", end="", flush=True)


def _config(run: Run) -> dict[str, Any]:
    """With as many threads as the run had, since other numbers round differently."""
    config = cast("dict[str, Any]", OmegaConf.to_container(run.config))
    threads = own_config(run)["threads"]
    return {"scheduler": None, "callbacks": {}, "logger": {}, **config, "threads": threads, "resume": None}


def _rows(data: Any) -> tuple[Any, Any]:
    """Training rows as the network gets them, in an order that says nothing; (None, None) of batches of another kind
    than (X, y)."""
    try:
        if hasattr(data, "splits"):
            X, y = data.splits.train
            chosen = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))[: 2 * ROWS]
            return data.transform(X[chosen].clone()), y[chosen]
        data.setup("fit")
        pairs, rows = [], 0
        for X, y in data.train_dataloader():
            pairs.append((X, y))
            rows += len(y)
            if rows >= 2 * ROWS:
                break
        X, y = (torch.cat(part) for part in zip(*pairs, strict=True))
        chosen = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
        return X[chosen], y[chosen]
    except (TypeError, ValueError, AttributeError):
        return None, None


def _guess(config: dict[str, Any], y: Any, data: Any) -> float:
    """The loss of a network that says the same to every input: log C, or of a regression of ours the variance."""
    classes = getattr(data, "num_outputs", 0)
    if y is None:
        return math.inf
    if not y.is_floating_point():
        return math.log(classes) if isinstance(classes, int) and classes > 1 else math.inf
    share = {"half_squared_error": 0.5, "squared_error": 1.0}.get(str(config["model"].get("loss")))
    return math.inf if share is None else share * float(y.double().var(0, correction=0).sum())
