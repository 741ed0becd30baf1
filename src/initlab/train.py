"""One run, from a config to a result."""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

from initlab import console
from initlab.errors import UserError
from initlab.init import initialize
from initlab.monitor import TensorBoardPage
from initlab.rules import did_you_mean
from initlab.runs import RunDir
from initlab.runs.checkpoint_io import WholeCheckpointIO
from initlab.seeds import generator
from initlab.theory.in_run import forecast_before

log = logging.getLogger(__name__)
SHOWN = {"init": "init", "model": "model", "optimizer": "optimizer", "with/scheduler": "scheduler", "with/data": "data"}
ALL_CORES = torch.get_num_threads()  # as torch found it, before any run changed it


@dataclass(frozen=True)
class Result:
    """How a run ended.

    metrics:  by name, of the last epoch and of the test set.
    score:    the monitored metric at its best epoch, what a sweep optimises.
    run_dir:  the run's folder.
    tested_best: whether the test was of the best epoch's weights, not of the last.
    """

    metrics: dict[str, float]
    score: float
    run_dir: Path
    model: L.LightningModule
    data: L.LightningDataModule
    tested_best: bool


def train(cfg: DictConfig, callbacks: Sequence[L.Callback] = ()) -> Result:
    """Train and test what `cfg` describes, and leave a run folder behind.

    A plain function: `train(compose("model=mlp", run_dir="outputs/notebook"))`. The test uses the checkpoint that was
    best by `cfg.monitor`, where checkpoints are kept, else the last weights. `callbacks` come before the config's.

    Raises:
        UserError: with one sentence, for a setting that cannot work here.
    """
    started = time.perf_counter()
    _quieten_lightning()
    prepare_process(cfg)
    data = build(cfg, "data")
    data.prepare_data()
    model = build_model(cfg, data)
    _check_monitor(cfg.monitor, model)
    callbacks = [*callbacks, *(instantiate(node, _convert_="all") for node in cfg.callbacks.values() if node)]
    for callback in callbacks:
        if isinstance(callback, TensorBoardPage):
            callback.hparams = hyper_parameters(cfg)
    trainer = _trainer(cfg, callbacks)

    run_dir = RunDir(cfg.run_dir)  # taken only now that everything is known to work
    run_dir.begin(OmegaConf.to_yaml(cfg, resolve=True))
    console.show_model(model, scheme=build(cfg, "init"), trainer=trainer, seed=cfg.seed)
    forecast_before(cfg, run_dir.path)

    try:
        trainer.fit(model, datamodule=data)
    except SystemExit:  # Lightning's answer to SIGTERM (with status 0) and to Ctrl-C (with 1)
        console.show_interruption(trainer, run_dir.path)
        raise SystemExit(143 if trainer.received_sigterm else 130) from None
    metrics = latest_metrics(model, trainer)
    best = next((c for c in callbacks if isinstance(c, ModelCheckpoint) and c.best_model_path and c.monitor), None)
    score = float(best.best_model_score) if best else metrics.get(cfg.monitor, float("nan"))
    if data.test_dataloader() is not None:
        trainer.test(model, datamodule=data, ckpt_path=best.best_model_path if best else None, verbose=False)
        tested = {name: v for name, v in latest_metrics(model, trainer).items() if name.startswith("test/")}
        metrics |= tested
        for logger in trainer.loggers:
            logger.log_metrics(tested, step=trainer.global_step)
    for logger in trainer.loggers:
        logger.finalize("success")

    seconds = time.perf_counter() - started
    run_dir.finish({"metrics": metrics, "score": score, "monitor": cfg.monitor, "seconds": round(seconds, 2)})
    result = Result(metrics, score, run_dir.path, model, data, tested_best=best is not None)
    console.show_result(result, seconds)
    return result


def _check_monitor(monitor: str, model: L.LightningModule) -> None:
    """The monitored metric is one that the model reports; a model of somebody else's is trusted."""
    known = [f"{split}/{name}" for split in ("val", "train") for name in getattr(model, "metrics", ())]
    if known and monitor not in known:
        hint = did_you_mean(monitor, known)
        raise UserError(f"monitor={monitor}: {type(model).__name__} reports no such metric{hint} ({', '.join(known)})")


def prepare_process(cfg: DictConfig) -> None:
    """Set afresh everything global that an earlier run of this process may have changed: threads, seeds, dtype."""
    torch.set_num_threads(cfg.threads or ALL_CORES)
    if (cfg.threads or 1) > (os.cpu_count() or 1):
        log.warning(
            "threads=%s: this machine has %s cores; threads in excess slow it down", cfg.threads, os.cpu_count()
        )
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(False)
    L.seed_everything(cfg.seed, workers=True, verbose=False)


def build(cfg: DictConfig, group: str, **more: Any) -> Any:
    """The object that a group of the config describes, None where the group is null.

    Its `task`, which only the check of the config reads, is left out.
    """
    node = OmegaConf.to_container(cfg[group], resolve=True) if cfg[group] else None
    if node is None:
        return None
    assert isinstance(node, dict)
    node.pop("task", None)
    try:
        return instantiate(node, _convert_="all", **more)
    except InstantiationException as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error.__cause__))
        if unknown:
            raise UserError(f"{group}.{unknown[1]}: {node['_target_']} takes no such value") from None
        raise


def build_model(cfg: DictConfig, data: Any) -> L.LightningModule:
    """The model for these data, its weights drawn by `cfg.init` from their own generator."""
    model = build(
        cfg,
        "model",
        num_inputs=data.num_inputs,
        num_outputs=data.num_outputs,
        optimizer=build(cfg, "optimizer"),
        scheduler=build(cfg, "scheduler"),
    )
    some = lambda: next(iter(data.train_dataloader()))[0]  # noqa: E731
    initialize(model, build(cfg, "init"), generator=generator("init", cfg.init_seed), batch=some)
    return model


def latest_metrics(model: L.LightningModule, trainer: L.Trainer) -> dict[str, float]:
    """In full precision from a model of ours, as Lightning has them (float32) from any other."""
    return dict(getattr(model, "latest", None) or {name: float(v) for name, v in trainer.callback_metrics.items()})


def hyper_parameters(cfg: DictConfig) -> dict[str, Any]:
    """Flat names and plain values for the HParams tab, which sorts by name and shows five: init, lr, model, optimizer,
    seed; then the details, `with/init.sigma`."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    chosen = {name: plain[group]["_target_"].rsplit(".", 1)[-1] for name, group in SHOWN.items() if plain[group]}
    chosen |= {"lr": plain["lr"], "seed": plain["seed"], "with/max_epochs": plain["trainer"]["max_epochs"]}
    for group in SHOWN.values():
        for name, value in (plain[group] or {}).items():
            if name not in ("_target_", "_partial_", "task", "seed", "root", "lr") and value is not None:
                chosen[f"with/{group}.{name}"] = value if isinstance(value, (int, float, str, bool)) else str(value)
    return chosen


def _trainer(cfg: DictConfig, callbacks: list[L.Callback]) -> L.Trainer:
    loggers = [instantiate(node, _convert_="all") for node in cfg.logger.values() if node]
    try:
        return instantiate(
            cfg.trainer,
            _convert_="all",
            callbacks=callbacks,
            logger=loggers or False,
            enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
            enable_progress_bar=any(isinstance(c, L.pytorch.callbacks.ProgressBar) for c in callbacks),
            default_root_dir=str(cfg.run_dir),
            plugins=[WholeCheckpointIO()],
        )
    except Exception as error:
        cause = error.__cause__ or error
        if cfg.trainer.accelerator not in ("auto", "cpu") and isinstance(cause, MisconfigurationException):
            raise UserError(
                f"trainer.accelerator={cfg.trainer.accelerator}: torch {torch.__version__} sees no such device here; "
                "take trainer=cpu or trainer=auto"
            ) from None
        raise


def _quieten_lightning() -> None:
    """Leave out what Lightning says about devices, workers and its own services; the run says what matters."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for words in (
        "does not have many workers",
        "isinstance.treespec, LeafSpec",
        "The number of training batches",
        "could not find the monitored key",
    ):
        warnings.filterwarnings("ignore", f".*{words}")
