"""Loggers with a run of their own at a server or in a store: Weights & Biases, MLflow, Comet.

Lightning's loggers do the logging. What is here makes such a run the initlab run's: its name, its hyper-parameters, the
same one again when the run resumes, and closed at the end, so that the next job of a sweep has one of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
from hydra.utils import get_object
from lightning.pytorch.loggers import CometLogger, MLFlowLogger, WandbLogger
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from initlab.console import say
from initlab.error_sentence import one_line
from initlab.errors import UserError


def _nothing(folder: Path) -> dict[str, str]:
    return {}


def _mlflow_store(folder: Path) -> dict[str, str]:
    """The store that the environment names, else one in the run's folder; a folder of files MLflow takes no more."""
    named = os.environ.get("MLFLOW_TRACKING_URI")
    here = folder.absolute()
    return (
        {"tracking_uri": named}
        if named
        else {"tracking_uri": f"sqlite:///{here / 'mlflow.db'}", "artifact_location": str(here / "mlflow")}
    )


class Tracker(NamedTuple):
    """kind: Lightning's class; package: which it needs, from our extra; name, id: its arguments for the name of the
    run and for an earlier run that it continues; place: its arguments for where to write, unless the config has the
    first of them; offline: how to do without a server."""

    kind: type[Logger]
    package: str
    extra: str
    name: str
    id: str
    close: Callable[[Any, bool], object]
    place: Callable[[Path], dict[str, str]] = _nothing
    offline: str = ""


TRACKERS = (
    Tracker(WandbLogger, "wandb", "wandb", "name", "id", lambda logger, well: logger.experiment.finish(int(not well)),
            offline="logger.wandb.offline=true"),
    Tracker(MLFlowLogger, "mlflow", "mlflow", "run_name", "run_id",
            lambda logger, well: logger.finalize("success" if well else "failed"), _mlflow_store),
    Tracker(CometLogger, "comet_ml", "comet", "name", "experiment_key", lambda logger, well: logger.experiment.end(),
            offline="COMET_START_ONLINE=0 in the environment"),
)  # fmt: skip


def tracker_of(kind: Any) -> Tracker | None:
    """Of a logger's class; None: it keeps no run of its own."""
    return next((t for t in TRACKERS if isinstance(kind, type) and issubclass(kind, t.kind)), None)


def check_installed(key: str, tracker: Tracker) -> None:
    """Raise UserError where a logger's package is missing."""
    if find_spec(tracker.package) is None:
        raise UserError(
            f"{key}: needs {tracker.package}, which is not installed; "
            f"pip install -e '.[{tracker.extra}]' in the project's folder installs it"
        )


class TrackedRuns(L.Callback):
    """The trackers' part of a run: opened before it trains, named in its checkpoints.

    Args:
        nodes: of the config's loggers by key, as "logger.wandb".
        folder: of the run.
        hparams: that each of them is told.
        saved: of an earlier part of the run, what its checkpoint holds.
    """

    def __init__(
        self,
        nodes: Mapping[str, Mapping[str, Any]],
        folder: Path,
        hparams: Mapping[str, Any],
        saved: Mapping[str, Any] | None = None,
    ) -> None:
        self.nodes, self.folder, self.hparams = nodes, folder, dict(hparams)
        self.ids = _ids(saved)
        self._opened: list[tuple[str, Any, Tracker]] = []

    def open(self, trainer: L.Trainer, make: Callable[[str, dict[str, str]], Any]) -> None:
        """Make them, with the arguments that the run knows, and let the trainer have them, in the config's order. Only
        when the folder is the run's, as some write to it at once.

        Raises:
            UserError: with what the server says, where there is no run to be had.
        """
        others = iter(trainer.loggers)
        loggers = []
        for key, node in self.nodes.items():
            tracker = tracker_of(get_object(node["_target_"]))
            loggers.append(next(others) if tracker is None else self._open(key, node, tracker, make))
        trainer.loggers = loggers

    def _open(
        self, key: str, node: Mapping[str, Any], tracker: Tracker, make: Callable[[str, dict[str, str]], Any]
    ) -> Any:
        try:
            logger = make(key, self._given(key, node, tracker))
            if rank_zero_only.rank == 0:
                _ = logger.experiment
                self._opened.append((key, logger, tracker))
                if key not in self.ids:  # MLflow lets no parameter of an earlier part change
                    logger.log_hyperparams(self.hparams)
                self.ids |= {key: str(logger.version)}
        except Exception as error:
            without = f"; without a server: {tracker.offline}" if tracker.offline else ""
            told = str(error) if isinstance(error, UserError) else f"{key}: {one_line(error)}"
            raise UserError(f"{told.rstrip('.')}{without}") from error
        return logger

    def _given(self, key: str, node: Mapping[str, Any], tracker: Tracker) -> dict[str, str]:
        """Where the config does not say it."""
        place = tracker.place(self.folder)
        given = {tracker.name: self.folder.name} | (place if node.get(next(iter(place), "")) is None else {})
        given |= {tracker.id: self.ids[key]} if key in self.ids else {}
        return {name: value for name, value in given.items() if node.get(name) is None}

    def close(self, well: bool) -> None:
        """A server that does not answer costs no run that has trained."""
        for key, logger, tracker in self._opened:
            try:
                tracker.close(logger, well)
            except Exception as error:
                say(f"{key} could not be closed: {one_line(error)}", "note")

    def state_dict(self) -> dict[str, Any]:
        return {"ids": dict(self.ids)}


def _ids(saved: Mapping[str, Any] | None) -> dict[str, str]:
    """From a checkpoint, which may be anybody's."""
    state: Any = saved
    for key in ("callbacks", TrackedRuns.__qualname__, "ids"):
        state = state.get(key) if isinstance(state, Mapping) else None
    return {str(key): str(value) for key, value in state.items()} if isinstance(state, Mapping) else {}
