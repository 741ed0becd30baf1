"""The verdict on any network that is watched, from the rows of its first step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from initlab.console import say
from initlab.errors import UserError
from initlab.forecasting.measured.rule import features_of, judge_network
from initlab.forecasting.rule import UNKNOWN, Verdict
from initlab.limits import kind_of
from initlab.measurement import assemble
from initlab.monitor.observer import Observer, Recording, Row
from initlab.runs.atomic import write_json
from initlab.runs.config_file import FILE

if TYPE_CHECKING:
    import lightning as L

LAYER_NORM = (
    "the first step does not tell whether its whole signal passes its layer normalisations, "
    "initlab.forecast(model, batch) does"
)


class FirstRowsVerdict(Observer):
    """An observer of `SignalMonitor`: one line in the terminal after step 0, where the run's folder has no forecast,
    and the same in its forecast.json; a folder that is no run's keeps none.

    The rows have all that the rule looks at but how alike two inputs are.
    """

    def on_start(self, monitor: Recording) -> None:
        folder = monitor.folder
        self._waits = folder is None or not (folder / "forecast.json").exists()

    def wants(self, monitor: Recording, step: int) -> bool:
        return step == 0 and self._waits

    def on_rows(self, monitor: Recording, trainer: L.Trainer, rows: Sequence[Row]) -> None:
        first = [row for row in rows if row["step"] == 0]
        if not first or not self._waits:
            return
        self._waits = False
        kind = kind_of(*map(type, trainer.optimizers))
        verdict = verdict_of(trainer.lightning_module, first, kind)
        if verdict is None:
            return
        if verdict.word == UNKNOWN:
            say(f"none: {verdict.why}", "forecast")
            return
        say(verdict.says, "forecast")
        if monitor.folder is not None and (monitor.folder / FILE).exists():
            record = {"verdict": verdict.word, "says": verdict.says, "why": verdict.why, "rule": verdict.record}
            write_json(monitor.folder / "forecast.json", record | {"optimizer": kind}, indent=1)


def verdict_of(module: Any, rows: Sequence[Row], kind: str) -> Verdict | None:
    """None: too little was recorded."""
    try:
        features = features_of(assemble(module, [rows]))
        verdict = judge_network(features, kind)
    except UserError:
        return None
    return Verdict(UNKNOWN, LAYER_NORM, "") if features.layer_norm and verdict.record else verdict
