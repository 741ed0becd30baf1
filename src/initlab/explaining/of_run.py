"""`explain(run)`: the run again from its seed, as it was and with one thing changed, until the cause is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from omegaconf import OmegaConf

from initlab.console import CONSOLE, say
from initlab.diagnosis.learning import LEARNS
from initlab.errors import UserError
from initlab.explaining import hypotheses
from initlab.explaining.command import command_with
from initlab.explaining.forking import fork, quiet
from initlab.explaining.hypotheses import Case
from initlab.forecasting.convex import loss_of_the_mean
from initlab.process.settings import process_left_as_it_was
from initlab.proof.bugs import Look
from initlab.proof.conclusion import LEAST, MOST, Evidence, Explanation, conclude
from initlab.proof.fork import AS_IT_WAS, Change, Fork
from initlab.proof.labels import ROWS, labels_of
from initlab.proof.order import Order, order_of
from initlab.proof.search import Search
from initlab.runs import Run, open_run
from initlab.runs.atomic import write_json
from initlab.runs.outcome import losses, outcome
from initlab.runs.reader import number
from initlab.runs.resume import own_config

STEPS = 100
FILE = "explanation.json"


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
    devices = run.config.trainer.get("devices", 1)
    if devices != 1:
        raise UserError(
            f"{run.path}: trainer.devices={devices}: a run is explained on one device, as it trained on one"
        )
    with process_left_as_it_was():
        return _Proof(run, steps).explain()


class _Proof:
    def __init__(self, run: Run, steps: int) -> None:
        self.run = run
        self.config = _config(run)
        data: Any = run.data
        data.prepare_data()
        self.order = None if hasattr(data, "splits") else order_of(_loader(data), steps)
        X, y = _rows(data, self.order)
        labels = None if X is None else labels_of(X, y)
        rows = len(data.splits.train[1]) if hasattr(data, "splits") else 0
        names = data.input_names if "drop" in self.config["data"] and hasattr(data, "input_names") else ()
        self.case = Case(self.config, rows, X, names, self.order)
        self.evidence = Evidence(steps, [], labels, guess=_guess(self.config, y, data))

    def explain(self) -> Explanation:
        if self._trained():
            return self._written()
        try:
            self._find()
        except (KeyboardInterrupt, SystemExit):
            self.evidence.complete = False
            before = self.run.explanation
            if not (before.get("complete") and number(before.get("steps")) >= self.evidence.steps):
                self._written()
            raise
        return self._written()

    def _trained(self) -> bool:
        """By the whole run, with the same rule as of a fork."""
        start, _, end, until = losses(self.run)
        if self.order:  # the training loss says little
            end = self.run.last.get("val/loss", math.nan)
        whole = Fork(AS_IT_WAS, [start, *[end] * 10] if until and not self.run.failed else [], self.evidence.guess)
        self.evidence.end = end
        how = outcome(self.run)
        self.evidence.fell = how.because if how.word == "trained" else ""
        if whole.trains:
            self.evidence.metrics = {n: v for n, v in self.run.last.items() if n in ("test/acc", "val/acc", "val/loss")}
            self.evidence.trained = True
        return whole.trains

    def _find(self) -> None:
        search = Search(self.evidence, self._fork)
        recorded = self.run.recorded.get("loss", {}).get("loss", {})
        again = search.begin(recorded)
        if again.trains and (later := self._when_it_failed(recorded)):
            self.evidence.steps = later
            again = search.begin(recorded)
        if not again.losses:
            why = again.error or "its training step gives no loss"
            raise UserError(f"{self.run.path}: the run cannot be repeated here: {why}")
        made = len(again.losses)
        self.evidence.whole, self.evidence.steps = made < self.evidence.steps, made  # the run itself ends before
        if made < LEAST and all(map(math.isfinite, again.losses)):
            updates = f"{made} update{'s' * (made > 1)}"
            raise UserError(f"{self.run.path}: a run of {updates} does not tell whether it trains, {LEAST} may")
        if not again.trains:
            bugs = self._mistakes()
            search.run([*bugs, *hypotheses.single_changes(self.case)], hypotheses.pairs(self.case, bugs))

    def _when_it_failed(self, recorded: Mapping[int, float]) -> int | None:
        """So many steps that the end of the first batches that no longer train is among them; None: too many."""
        most = LEARNS * min(recorded.get(0, math.inf), self.evidence.guess)
        bad = [step for step, loss in sorted(recorded.items()) if step >= self.evidence.steps and not loss <= most]
        return next((step + STEPS // 2 for step in bad if step + STEPS // 2 <= MOST), None)

    def _mistakes(self) -> list[Change]:
        """Of a module of the user's, by what is seen in one step."""
        if str(self.config["model"]["_target_"]).startswith("initlab."):
            return []
        look = Look()
        with quiet():
            fork(self.config, Change("", ("look",), 0.0, lambda: look), 1, self.evidence.guess)
        return look.changes()

    def _fork(self, change: Change, seed: int) -> Fork:
        words = (f"seed={self.config['seed'] + seed}",) if seed else ()
        self._line(f"{1 + len(self.evidence.forks)}: {' '.join((change.name, *words))}")
        with quiet():
            held = self.order.held if self.order else ()
            return fork(self.config, change, self.evidence.steps, self.evidence.guess, words, held)

    def _written(self) -> Explanation:
        self._line("")
        found = conclude(self.evidence)
        if found.change is not None and not found.change.callbacks():
            found = found.with_command(command_with(self.run, self.config, found.change.words))
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


def _loader(data: Any) -> Any:
    data.setup("fit")
    return data.train_dataloader()


def _rows(data: Any, order: Order | None) -> tuple[Any, Any]:
    """Training rows as the network gets them, in an order that says nothing; (None, None) of batches of another kind
    than (X, y)."""
    draw = torch.Generator().manual_seed(0)
    try:
        if hasattr(data, "splits"):
            X, y = data.splits.train
            chosen = torch.randperm(len(y), generator=draw)[: 2 * ROWS]
            return data.transform(X[chosen].clone()), y[chosen]
        pairs, rows = [], 0
        for X, y in order.batches if order else data.train_dataloader():
            pairs.append((X, y))
            rows += len(y)
            if rows >= 2 * ROWS:
                break
        X, y = (torch.cat(part) for part in zip(*pairs, strict=True))
        chosen = torch.randperm(len(y), generator=draw)
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
    return loss_of_the_mean(str(config["model"].get("loss")), y)
