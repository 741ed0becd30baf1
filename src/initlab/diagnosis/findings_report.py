"""Says what is wrong with a run while it runs: once each in the terminal, and all of it in findings.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.console import say
from initlab.diagnosis.finding import Finding
from initlab.diagnosis.findings import find
from initlab.diagnosis.outline import outline_of
from initlab.diagnosis.prediction import Prediction, read_prediction
from initlab.monitor.observer import Observer, Recording, Row
from initlab.runs import Run
from initlab.runs.atomic import write_json

if TYPE_CHECKING:
    import lightning as L

# Updates; weights that begin alike and part (a LoRA's zeros, a zero-initialised branch) are no fault.
FIRST_LOOK = SYMMETRY_AFTER = 10
NEXT_LOOK = 2  # the next look is when the run is so many times as long: a millisecond or two, some ten times a run


class FindingsReport(Observer):
    """An observer of `SignalMonitor`: looks for findings now and then and at the end.

    `findings.json`, next to the monitor's files, is a list of `Finding.record`s, with `at_the_end`: whether it still
    held when the run ended (null while it runs). A run without findings leaves an empty list. The steps of the looks
    are fixed, so the same run has the same findings, whatever the machine's speed and wherever it was interrupted.
    """

    file = "findings.json"

    def __init__(self) -> None:
        self._forget()

    def on_start(self, monitor: Recording) -> None:
        self._forget()

    def _forget(self) -> None:
        self._next = FIRST_LOOK  # the step from which the next look is taken
        self._found: dict[tuple[str, bool], Finding] = {}
        self._at_the_end = self._found  # seen by the last look, which is easier convinced
        self._symmetric: list[str] | None = None  # None: not yet looked

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None:
        if rows and rows[-1]["step"] >= self._next:
            self._next = rows[-1]["step"] * NEXT_LOOK
            self._look(monitor, trainer, over=False)

    def on_end(self, monitor: Recording, trainer: L.Trainer) -> None:
        self._look(monitor, trainer, over=True)

    def wants(self, monitor: Recording, step: int) -> bool:
        return step >= self._next

    def state_dict(self) -> dict[str, Any]:
        found = [{**vars(f), "layers": list(f.layers), "value": float(f.value)} for f in self._found.values()]
        return {"next": self._next, "found": found, "symmetric": self._symmetric}

    def load_state_dict(self, state: dict[str, Any], monitor: Recording) -> None:
        self._next, self._symmetric = state["next"], state["symmetric"]
        found = [Finding(**{**fields, "layers": tuple(fields["layers"])}) for fields in state["found"]]
        self._found = {(finding.kind, finding.from_the_start): finding for finding in found}

    @property
    def found(self) -> list[Finding]:
        """Every finding so far, each as it was last seen."""
        return list((self._found | self._at_the_end).values())

    def _look(self, monitor: Recording, trainer: L.Trainer, over: bool) -> None:
        history, model = monitor.history, trainer.lightning_module
        outline = outline_of(model, history, trainer.optimizers)
        symmetric = self._symmetric
        if symmetric is None and trainer.global_step >= (1 if over else SYMMETRY_AFTER):
            from initlab.diagnosis.symmetry import alike_layers

            symmetric = alike_layers(model, outline.chain)
        # of several optimisers each has a loss of its own, and in a GAN neither is to fall
        losses = history.series("loss", "loss") if len(trainer.optimizers) < 2 else ([], [])
        predicted = read_prediction(Run.lenient(monitor.folder)) if monitor.folder else Prediction()
        found = find(history, outline, losses=losses, symmetric=symmetric or (), predicted=predicted.layers, over=over)
        now = {(finding.kind, finding.from_the_start): finding for finding in found}
        news = [finding for key, finding in now.items() if key not in self._found]
        if over:
            self._at_the_end = now
        else:  # what a run that continues builds upon
            self._found |= now
            self._symmetric = symmetric
        for finding in news:
            fix = predicted.has_fix  # the one advice then
            say(finding.sentence if fix else finding.with_advice, "finding", "bold yellow")
        path = monitor.path(self.file) if news or over else None
        if path is not None:
            if path.exists() and not _are_findings(path):
                raise FileExistsError(f"{path} was written by another program")
            everything = self._found | now
            records = [f.record() | {"at_the_end": key in now if over else None} for key, f in everything.items()]
            write_json(path, records)


def _are_findings(path: Path) -> bool:
    """Whether the file holds what a `FindingsReport` writes."""
    try:
        records = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(records, list) and all(isinstance(r, dict) and {"kind", "sentence"} <= r.keys() for r in records)
