"""One run, from a config to a result."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

from initlab import console
from initlab.build import build, check_arguments
from initlab.data import TensorDataModule
from initlab.errors import UserError
from initlab.init import initialize, layers_for, with_step_sizes
from initlab.limits import kind_of
from initlab.models import Module
from initlab.models.execution import obstacle, own_calls
from initlab.monitor import TensorBoardPage
from initlab.monitor.epoch_rows import EpochRows
from initlab.process import prepare_process, process_left_as_it_was
from initlab.rules import did_you_mean
from initlab.runs import Run, RunDir
from initlab.runs.checkpoint_io import WholeCheckpointIO, read_checkpoint
from initlab.runs.ending import StopAgain, ending_of
from initlab.runs.exact_steps import ExactSteps
from initlab.runs.no_profile import NoProfile
from initlab.runs.resume import LIMITS, WITHOUT, own_config
from initlab.runs.set_aside import put_back
from initlab.runs.stopping import Stopped, Stopping
from initlab.seeds import generator
from initlab.theory.in_run import forecast_before

log = logging.getLogger(__name__)
SHOWN = {"init": "init", "model": "model", "optimizer": "optimizer", "with/scheduler": "scheduler", "with/data": "data"}


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


def train(cfg: DictConfig, callbacks: Sequence[L.Callback] = (), *, command_line: bool = False) -> Result:
    """Train and test what `cfg` describes, and leave a run folder behind.

    A plain function: `train(compose("model=mlp", run_dir="outputs/notebook"))`. The test uses the checkpoint that was
    best by `cfg.monitor`, where checkpoints are kept, else the last weights. `callbacks` come before the config's.
    Where `cfg.resume` is set, the run that `cfg.run_dir` holds goes on from its last checkpoint, from step 0 if it has
    got to none.

    What is global in the process (threads, seeds, dtype, warnings, signals) is afterwards as it was. Ctrl-C finishes
    the update and saves; the second one ends at once: with the process, where it is the `command_line`'s.

    Raises:
        UserError: with one sentence, for a setting that cannot work here.
        KeyboardInterrupt: Ctrl-C stopped it; on the command line SystemExit, status 130.
        SystemExit: status 143, SIGTERM stopped it.
    """
    try:
        with process_left_as_it_was():
            return _train(cfg, callbacks, Stopping(kill_at_second=command_line))
    except Stopped as stopped:
        if command_line or stopped.number != signal.SIGINT:
            raise
        raise KeyboardInterrupt from None


def _train(cfg: DictConfig, callbacks: Sequence[L.Callback], stopping: Stopping) -> Result:
    started = time.perf_counter()
    check_arguments(cfg)
    prepare_process(cfg)
    data = build(cfg, "data")
    data.prepare_data()
    model = build_model(cfg, data)
    layers = layers_for(build(cfg, "init"), model, lambda: _some_inputs(data))
    _check_monitor(cfg.monitor, model)
    run_dir = RunDir(cfg.run_dir)
    saved = _last_checkpoint(run_dir, cfg) if cfg.get("resume") else None
    further = saved is not None and _asked_to_train_further(run_dir, cfg)
    if further:
        put_back(run_dir.last_checkpoint.parent)
        saved = _last_checkpoint(run_dir, cfg)
    callbacks = [
        ExactSteps(cfg.seed),
        StopAgain(further),
        EpochRows(),
        *callbacks,
        *(instantiate(node, _convert_="all") for node in cfg.callbacks.values() if node),
    ]
    for callback in callbacks:
        if isinstance(callback, TensorBoardPage):
            callback.hparams = hyper_parameters(cfg)

    with stopping, contextlib.ExitStack() as at_the_end:
        trainer = _trainer(cfg, [*callbacks, stopping], step=saved["global_step"] if saved else None)
        at_the_end.callback(run_dir.let_go)
        _several_updates_a_call(cfg, trainer, model, data, saved)
        if not trainer.is_global_zero:
            console.CONSOLE.quiet = True  # one of several processes speaks, and keeps the folder
        else:
            _take_folder(run_dir, cfg, saved)  # only now that everything is known to work
        console.show_model(model, layers, build(cfg, "init"), trainer, cfg.seed)
        for note in model.init_notes if saved is None else ():
            console.CONSOLE.print(note, highlight=False, soft_wrap=True)
        if cfg.get("resume"):
            console.show_resumption(saved)
        if saved is None and trainer.is_global_zero:
            forecast_before(cfg, run_dir.path)
        try:
            trainer.fit(model, datamodule=data, ckpt_path=run_dir.last_checkpoint if saved else None)
            stopping.now(trainer)
            ended = ending_of(trainer, run_dir.path, cfg.trainer.get("max_time"))
            console.show_ending(ended, nothing=saved is not None and saved["global_step"] == ended.steps, cfg=cfg)
            result = _finish(cfg, trainer, model, data, run_dir, stopping)
        except Stopped:
            console.show_interruption(trainer, run_dir)
            if not trainer.is_global_zero:  # Lightning kills the others when one of them fails
                raise SystemExit(0) from None
            raise

    seconds = time.perf_counter() - started + (saved["run"]["seconds"] if saved else 0.0)
    if trainer.is_global_zero:
        run_dir.finish(
            {
                "metrics": result.metrics,
                "score": result.score,
                "monitor": cfg.monitor,
                "ended": ended.record(),
                "seconds": round(seconds, 2),
            }
        )
    console.show_result(result, seconds)
    return result


def _last_checkpoint(run_dir: RunDir, cfg: DictConfig) -> dict[str, Any] | None:
    """What the run goes on from, read and found sound before anything is changed; None: it saved nothing yet."""
    if not run_dir.last_checkpoint.exists():
        return None
    try:
        saved = read_checkpoint(run_dir.last_checkpoint)
    except UserError as error:
        others = [path for path in (run_dir.last_checkpoint.with_name("best.ckpt"),) if path.exists()]
        instead = f"put {others[0]} in its place to go on from there, or " if others else ""
        raise UserError(f"{error}; {instead}delete it to start this run from step 0") from None
    if "run" not in saved:
        raise UserError(f"{run_dir.last_checkpoint}: it does not say what the run's files held when it was made")
    if saved["epoch"] > cfg.trainer.max_epochs >= 0:
        raise UserError(f"trainer.max_epochs={cfg.trainer.max_epochs}: the run has trained {saved['epoch']} already")
    return saved


def _asked_to_train_further(run_dir: RunDir, cfg: DictConfig) -> bool:
    """Whether a run that has ended is given other limits or other callbacks than it had."""
    if not (run_dir.path / "summary.json").exists():
        return False
    own = OmegaConf.create(own_config(Run(run_dir.path)) | {"run_dir": str(cfg.run_dir)})
    before, now = (_ending_keys(config) for config in (own, cfg))
    return before != now


def _ending_keys(cfg: Any) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return {key: plain["trainer"].get(key, WITHOUT[key]) for key in LIMITS} | {"callbacks": plain["callbacks"]}


def _take_folder(run_dir: RunDir, cfg: DictConfig, saved: dict[str, Any] | None) -> None:
    if not cfg.get("resume"):
        run_dir.begin(OmegaConf.to_yaml(cfg, resolve=True))
        return
    own = cast("DictConfig", OmegaConf.create(OmegaConf.to_container(cfg, resolve=True)))
    own.resume = None
    if saved is None:
        run_dir.go_on(OmegaConf.to_yaml(own), {}, 0)
    else:
        table = saved.get("epochs", {}).get("rows", {}).get("csv", {}).get("table")
        run_dir.go_on(OmegaConf.to_yaml(own), saved["run"]["lengths"], saved["global_step"], table)


def _finish(
    cfg: DictConfig,
    trainer: L.Trainer,
    model: L.LightningModule,
    data: L.LightningDataModule,
    run_dir: RunDir,
    stopping: Stopping,
) -> Result:
    """Test the best epoch's weights, where they were kept, and put all figures together."""
    metrics = latest_metrics(model, trainer)
    kept = (c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint))
    best = next((c for c in kept if c.best_model_path and c.monitor), None)
    score = float(best.best_model_score) if best else metrics.get(cfg.monitor, float("nan"))
    if data.test_dataloader() is not None:
        trainer.test(model, datamodule=data, ckpt_path=best.best_model_path if best else None, verbose=False)
        stopping.now(trainer)
        tested = {name: v for name, v in latest_metrics(model, trainer).items() if name.startswith("test/")}
        metrics |= tested
        for logger in trainer.loggers:
            logger.log_metrics(tested, step=trainer.global_step)
    for logger in trainer.loggers:
        logger.finalize("success")
    return Result(metrics, score, run_dir.path, model, data, tested_best=best is not None)


def _several_updates_a_call(
    cfg: DictConfig,
    trainer: L.Trainer,
    model: L.LightningModule,
    data: L.LightningDataModule,
    saved: dict[str, Any] | None,
) -> None:
    """Where it can be done; a run that began without goes on without, as its checkpoints count batches."""
    steps, graph = cfg.get("steps_per_execution", 1), cfg.get("cuda_graph", False)
    reason = f"steps_per_execution={steps}" if steps == 1 else obstacle(trainer)
    if isinstance(model, Module) and isinstance(data, TensorDataModule):
        reason = reason or own_calls(model, data, (Module, TensorDataModule))
        if saved and saved["global_step"] and not _counted_by_hand(saved):
            reason = "a run that began so"
        if reason is None:
            data.steps_per_execution, model.automatic_optimization, model.cuda_graph = steps, False, graph
    else:
        reason = f"{cfg.model._target_} on {cfg.data._target_}"
    if graph and reason:
        log.warning("cuda_graph=true: with %s Lightning makes one update a call, so none is replayed", reason)


def _counted_by_hand(saved: dict[str, Any]) -> bool:
    """Whether the updates of a checkpoint were made several a call."""
    progress = saved["loops"]["fit_loop"].get("epoch_loop.manual_optimization.optim_step_progress", {})
    return bool(progress.get("total", {}).get("completed"))


def _check_monitor(monitor: str, model: L.LightningModule) -> None:
    """The monitored metric is one that the model reports; a model of somebody else's is trusted."""
    known = [f"{split}/{name}" for split in ("val", "train") for name in getattr(model, "metrics", ())]
    if known and monitor not in known:
        hint = did_you_mean(monitor, known)
        raise UserError(f"monitor={monitor}: {type(model).__name__} reports no such metric{hint} ({', '.join(known)})")


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
    some = lambda: _some_inputs(data)  # noqa: E731
    scheme = build(cfg, "init")
    report = initialize(model, scheme, generator=generator("init", cfg.init_seed), batch=some)
    shapes = [tuple(layer.weight.shape) for _, layer in layers_for(scheme, model, some)]
    kind = kind_of(cfg.optimizer._target_.rsplit(".", 1)[-1])
    model.init_notes = scheme.notes([shapes[0][1], *(fan_out for fan_out, _ in shapes)], kind, report)
    if hasattr(model, "make_optimizer"):  # a model of somebody else's makes its own
        model.make_optimizer = with_step_sizes(model.make_optimizer, model, scheme, some)
    return model


def _some_inputs(data: Any) -> Any:
    return next(iter(data.train_dataloader()))[0]


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


def _trainer(cfg: DictConfig, callbacks: list[L.Callback], step: int | None) -> L.Trainer:
    """`step`: of the checkpoint that the run goes on from."""
    loggers = [instantiate(node, _convert_="all", **_purge(node, step)) for node in cfg.logger.values() if node]
    try:
        return instantiate(
            cfg.trainer,
            _convert_="all",
            **({} if cfg.trainer.get("profiler") else {"profiler": NoProfile()}),
            callbacks=callbacks,
            logger=loggers or False,
            enable_checkpointing=True,  # not Lightning's own, as `Stopping` is a Checkpoint too
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


def _purge(node: DictConfig, step: int | None) -> dict[str, int]:
    """A TensorBoard that is open forgets what it has shown of later steps; the files no longer hold them."""
    return {"purge_step": step + 1} if step is not None and node._target_.endswith("TensorBoardLogger") else {}
