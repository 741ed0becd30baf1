"""What older runs wrote into their configs: names that classes had, keys that nothing reads any more."""

from __future__ import annotations

from typing import Any

NOW = {
    "initlab.monitor.SignalMonitor": "initlab.callbacks.SignalMonitor",
    "initlab.monitor.ActivationStats": "initlab.callbacks.ActivationStats",
    "initlab.runs.best_checkpoint.BestCheckpoint": "initlab.callbacks.BestCheckpoint",
    "initlab.runs.last_checkpoint.LastCheckpoint": "initlab.callbacks.LastCheckpoint",
    "initlab.monitor.StepCurve": "initlab.callbacks.StepCurve",
    "initlab.monitor.TensorBoardPage": "initlab.callbacks.TensorBoardPage",
    "initlab.monitor.ProgressBar": "initlab.callbacks.ProgressBar",
    "initlab.monitor.CsvLogger": "initlab.callbacks.CsvLogger",
    "initlab.monitor.EpochLines": "initlab.callbacks.EpochLines",
    "initlab.sweeps.prune.PruneTrial": "initlab.callbacks.prune.PruneTrial",
}

GONE = ("cuda_graph",)  # the same updates, launched in another way


def of_today(config: dict[str, Any]) -> dict[str, Any]:
    """A config of plain values with present names, without the keys that are gone."""
    return {key: with_present_names(value) for key, value in config.items() if key not in GONE}


def with_present_names(node: Any) -> Any:
    """A config of plain values with today's name in every `_target_`."""
    if isinstance(node, dict):
        values = {key: with_present_names(value) for key, value in node.items()}
        target = values.get("_target_")
        return values | {"_target_": NOW.get(target, target)} if isinstance(target, str) else values
    return [with_present_names(value) for value in node] if isinstance(node, list) else node
