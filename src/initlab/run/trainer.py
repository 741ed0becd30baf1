"""The trainer of a run, with its callbacks and loggers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from hydra.utils import get_object
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

from initlab.build import build
from initlab.callbacks import SignalMonitor, TensorBoardPage
from initlab.callbacks.epoch_rows import EpochRows
from initlab.callbacks.exact_steps import ExactSteps
from initlab.callbacks.trackers import TrackedRuns, check_installed, tracker_of
from initlab.checks.arguments import signature_of
from initlab.checks.rule import did_you_mean
from initlab.checks.shipped_class import learning_rate
from initlab.data import TensorDataModule
from initlab.errors import UserError
from initlab.models import Module
from initlab.process.no_profile import NoProfile
from initlab.run.claim import Claim
from initlab.runs.checkpoint_io import WholeCheckpointIO
from initlab.runs.ending import StopAgain
from initlab.runs.resumable import made_singly
from initlab.training import SeveralUpdates, can_make_several, current_meeting, several_updates

SHOWN = {"init": "init", "model": "model", "optimizer": "optimizer", "with/scheduler": "scheduler", "with/data": "data"}


def build_callbacks(
    cfg: DictConfig, model: L.LightningModule, own: Sequence[L.Callback], claim: Claim
) -> list[L.Callback]:
    """Those that every run has, the caller's `own`, then the config's."""
    callbacks = [ExactSteps(cfg.seed), StopAgain(claim.further), EpochRows(), *own]
    for name, node in cfg.callbacks.items():
        if node:
            callbacks.append(build(cfg, f"callbacks.{name}", **_more(cfg, node, claim)))
    _check_monitors(cfg, model, callbacks)
    return callbacks


def _more(cfg: DictConfig, node: DictConfig, claim: Claim) -> dict[str, Any]:
    """Arguments that the run knows, not the config."""
    if _makes(node, TensorBoardPage):
        return {"hparams": hyper_parameters(cfg), "picture": not claim.of_sweep}
    takes = signature_of(get_object(node._target_))
    if _makes(node, SignalMonitor) and "pictures" not in node and takes and "pictures" in takes.parameters:
        return {"pictures": not claim.of_sweep}
    return {}


def build_trainer(
    cfg: DictConfig,
    model: L.LightningModule,
    data: L.LightningDataModule,
    callbacks: list[L.Callback],
    claim: Claim,
    tracked: TrackedRuns | None = None,
) -> L.Trainer:
    several = None if claim.saved and made_singly(claim.saved) else _several_updates(cfg, model, data)
    step = claim.step if claim.saved else None
    loggers = [  # `TrackedRuns.open` makes the others
        build(cfg, key, **_purge(node, step))
        for key, node in _logger_nodes(cfg).items()
        if tracker_of(get_object(node._target_)) is None
    ]
    try:
        return build(
            cfg,
            "trainer",
            **({} if cfg.trainer.get("profiler") else {"profiler": NoProfile()}),
            **({"precision": None, "limit_train_batches": 1.0} if several else {}),  # the plugin has both
            callbacks=[*callbacks, *([tracked] if tracked else [])],
            logger=loggers or False,
            enable_checkpointing=True,  # not Lightning's own, as `Stopping` is a Checkpoint too
            enable_progress_bar=any(isinstance(c, L.pytorch.callbacks.ProgressBar) for c in callbacks),
            default_root_dir=str(cfg.run_dir),
            plugins=[WholeCheckpointIO(claim.folder), *([several] if several else [])],
        )
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:  # Hydra's and ours around Lightning's
            cause = cause.__cause__
        accelerator = cfg.trainer.get("accelerator", "auto")
        if accelerator not in ("auto", "cpu") and isinstance(cause, MisconfigurationException):
            raise UserError(
                f"trainer.accelerator={accelerator}: torch {torch.__version__} sees no such device here; "
                "take trainer=cpu or trainer=auto"
            ) from None
        raise


def tracked_runs(cfg: DictConfig, claim: Claim) -> TrackedRuns | None:
    """Of the trackers among the loggers; None: there are none.

    Raises:
        UserError: the package of one is not installed.
    """
    nodes = _logger_nodes(cfg)
    found = {key: tracker for key, node in nodes.items() if (tracker := tracker_of(get_object(node._target_)))}
    for key, tracker in found.items():
        check_installed(key, tracker)
    return TrackedRuns(nodes, Path(cfg.run_dir), hyper_parameters(cfg), claim.saved) if found else None


def _logger_nodes(cfg: DictConfig) -> dict[str, DictConfig]:
    return {f"logger.{name}": node for name, node in cfg.logger.items() if node}


def _purge(node: DictConfig, step: int | None) -> dict[str, int]:
    """A TensorBoard that is open forgets what it has shown of later steps; the files no longer hold them."""
    return {"purge_step": step + 1} if step is not None and _makes(node, TensorBoardLogger) else {}


def _makes(node: DictConfig, base: type) -> bool:
    """Whether a part of the config is an object of this class, or of one that derives from it."""
    kind = get_object(node._target_)
    return isinstance(kind, type) and issubclass(kind, base)


def _several_updates(cfg: DictConfig, model: L.LightningModule, data: L.LightningDataModule) -> SeveralUpdates | None:
    """Where it can be done; one from before the key existed continues as it started."""
    longest = cfg.get("steps_per_execution", 1)
    if longest == 1 or not (isinstance(model, Module) and isinstance(data, TensorDataModule)):
        return None
    settings = cast("dict[str, Any]", OmegaConf.to_container(cfg.trainer, resolve=True))
    if not can_make_several(settings, model, data, (Module, TensorDataModule)):
        return None
    limit = settings.get("limit_train_batches")
    return several_updates(settings.get("precision"), longest, cfg.seed, current_meeting(), limit)


def _check_monitors(cfg: DictConfig, model: L.LightningModule, callbacks: Sequence[L.Callback]) -> None:
    """The monitored metrics are ones that the model reports; those of a user-defined model or callback are trusted."""
    known = [f"{split}/{name}" for split in ("val", "train") for name in getattr(model, "metrics", ())]
    monitored = {"monitor": cfg.monitor}
    if not any(_of_a_user(type(callback)) for callback in callbacks):
        nodes = {f"callbacks.{name}.monitor": node.get("monitor") for name, node in cfg.callbacks.items() if node}
        monitored |= {key: value for key, value in nodes.items() if isinstance(value, str)}
    for key, monitor in monitored.items():
        if known and monitor not in known:
            hint = did_you_mean(monitor, known)
            says = f"{key}={monitor}: {type(model).__name__} reports no such metric{hint} ({', '.join(known)})"
            raise UserError(says)


def _of_a_user(kind: type) -> bool:
    return kind.__module__.split(".")[0] not in ("initlab", "lightning", "pytorch_lightning")


def hyper_parameters(cfg: DictConfig) -> dict[str, Any]:
    """Flat names and plain values for the HParams tab, which sorts by name and shows the first five: activation, depth,
    init, lr, model, as far as there are such; then the others and the details, `with/init.sigma`."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    chosen = {name: plain[group]["_target_"].rsplit(".", 1)[-1] for name, group in SHOWN.items() if plain[group]}
    chosen |= {"seed": plain["seed"], "with/max_epochs": plain["trainer"]["max_epochs"]}
    if (lr := learning_rate(plain["optimizer"])) is not None:
        chosen["lr"] = lr
    chosen |= {key: plain["model"][key] for key in ("activation", "depth") if plain["model"].get(key) is not None}
    for group in SHOWN.values():
        for name, value in (plain[group] or {}).items():
            if name not in ("_target_", "_partial_", "task", "seed", "root", "lr") and value is not None:
                chosen[f"with/{group}.{name}"] = value if isinstance(value, (int, float, str, bool)) else str(value)
    return chosen
