"""One run, from a config to a result."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

from initlab import run_lines
from initlab.build import build
from initlab.callbacks import TensorBoardPage
from initlab.callbacks.epoch_rows import EpochRows
from initlab.callbacks.exact_steps import ExactSteps
from initlab.callbacks.stopping import Stopped, Stopping
from initlab.checks.arguments import check_arguments
from initlab.checks.memory import check_model
from initlab.checks.rules import did_you_mean
from initlab.console import CONSOLE
from initlab.data import TensorDataModule
from initlab.errors import UserError
from initlab.forecasting.in_run import forecast_before
from initlab.init import initialize, layers_for, with_step_sizes
from initlab.limits import kind_of
from initlab.models import Module
from initlab.process.no_profile import NoProfile
from initlab.process.settings import prepare_process, process_left_as_it_was
from initlab.result import Result
from initlab.runs import RunDir
from initlab.runs.checkpoint_io import WholeCheckpointIO, read_checkpoint
from initlab.runs.config_file import read_config
from initlab.runs.ending import StopAgain, ending_of
from initlab.runs.resumable import check_fits, check_resumable
from initlab.runs.resume import LIMITS, WITHOUT
from initlab.runs.run_dir import RUN_ID, new_id
from initlab.runs.set_aside import before_the_end, put_back
from initlab.seeds import generator
from initlab.starting import Starting
from initlab.training import SeveralUpdates, can_make_several, several_updates

log = logging.getLogger(__name__)
SHOWN = {"init": "init", "model": "model", "optimizer": "optimizer", "with/scheduler": "scheduler", "with/data": "data"}


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
        with process_left_as_it_was(), contextlib.ExitStack() as at_the_end:
            return _train(cfg, callbacks, Stopping(kill_at_second=command_line), at_the_end)
    except Stopped as stopped:
        if command_line or stopped.number != signal.SIGINT:
            raise
        raise KeyboardInterrupt from None


def _train(
    cfg: DictConfig, callbacks: Sequence[L.Callback], stopping: Stopping, at_the_end: contextlib.ExitStack
) -> Result:
    started = time.perf_counter()
    with Starting(cfg) as start, stopping:
        check_arguments(cfg)
        prepare_process(cfg)
        data = build(cfg, "data")
        data.prepare_data()
        model = build_model(cfg, data)
        layers = layers_for(build(cfg, "init"), model, lambda: _some_inputs(data))
        run_dir = RunDir(cfg.run_dir)
        at_the_end.callback(run_dir.let_go)
        saved, further = _take_up(run_dir, cfg) if cfg.get("resume") else (None, False)
        callbacks = [
            ExactSteps(cfg.seed),
            StopAgain(further),
            EpochRows(),
            *callbacks,
            *(build(cfg, f"callbacks.{name}") for name, node in cfg.callbacks.items() if node),
        ]
        for callback in callbacks:
            if isinstance(callback, TensorBoardPage):
                callback.hparams = hyper_parameters(cfg)
        _check_monitors(cfg, model, callbacks)

        start.step = saved["global_step"] if saved else 0
        several = _several_updates(cfg, model, data)
        start.trainer = trainer = _trainer(cfg, run_dir, [*callbacks, stopping], several, start.step if saved else None)
        if saved is not None:
            check_fits(saved, trainer, model, run_dir.last_checkpoint)
        if not trainer.is_global_zero:
            CONSOLE.quiet = True  # one of several processes speaks, and keeps the folder
        else:
            _take_folder(run_dir, cfg, saved, further)  # only now that everything is known to work
            start.taken = not cfg.get("resume")
        run_lines.show_model(model, layers, build(cfg, "init"), trainer, cfg.seed)
        for note in model.init_notes if saved is None else ():
            CONSOLE.print(note, highlight=False, soft_wrap=True)
        if cfg.get("resume"):
            run_lines.show_resumption(saved)
        if saved is None and trainer.is_global_zero:
            forecast_before(cfg, run_dir.path)
        try:
            trainer.fit(model, datamodule=data, ckpt_path=run_dir.last_checkpoint if saved else None)
            start.fitted = True
            stopping.now(trainer)
            ended = ending_of(trainer, run_dir.path, cfg.trainer.get("max_time"))
            run_lines.show_ending(ended, nothing=saved is not None and saved["global_step"] == ended.steps, cfg=cfg)
            result = _finish(cfg, trainer, model, data, run_dir, stopping)
        except Stopped:
            if start.over or cfg.get("resume"):
                run_lines.show_interruption(trainer, run_dir)
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
    run_lines.show_result(result, seconds)
    return result


def _take_up(run_dir: RunDir, cfg: DictConfig) -> tuple[dict[str, Any] | None, bool]:
    """The checkpoint that the run goes on from, read and found sound before anything is changed, None where it saved
    nothing yet; and whether a run that has ended is given other limits or other callbacks than it had.

    Under the lock: the process that held it before may have trained on since the command was read.
    """
    if rank_zero_only.rank == 0:  # the others of several processes have no lock, and look when the first has begun
        run_dir.hold()
    run_dir.check()
    finished = (run_dir.path / "summary.json").exists()
    further = finished and _asked_to_train_further(run_dir, cfg)
    if finished and not further:
        raise UserError(f"resume={run_dir.path}: another process has finished this run in the meantime")
    path = before_the_end(run_dir.last_checkpoint) if further else run_dir.last_checkpoint
    if not path.exists():
        return None, False
    try:
        saved = read_checkpoint(path, run=run_dir)
        check_resumable(saved, path)
    except UserError as error:
        best = path.with_name("best.ckpt")
        instead = f"put {best} in its place to go on from there, or " if _why_not(run_dir, best) is None else ""
        raise UserError(f"{error}; {instead}delete it to start this run from step 0") from None
    best = path.with_name("best.ckpt")  # that the end of the run tests, where no later epoch is better
    why = _why_not(run_dir, best) if best.exists() else None
    if why is not None:
        raise UserError(f"{why}; delete it to go on without the best epoch so far")
    if saved["epoch"] > cfg.trainer.max_epochs >= 0:
        raise UserError(f"trainer.max_epochs={cfg.trainer.max_epochs}: the run has trained {saved['epoch']} already")
    return saved, further


def _why_not(run_dir: RunDir, path: Path) -> UserError | None:
    """What keeps a checkpoint from being one of the run's; None: it is one."""
    try:
        read_checkpoint(path, run=run_dir)
    except UserError as error:
        return error
    return None


def _asked_to_train_further(run_dir: RunDir, cfg: DictConfig) -> bool:
    own = read_config(run_dir.path) | {"run_dir": str(cfg.run_dir)}
    before, now = (_ending_keys(config) for config in (own, OmegaConf.to_container(cfg, resolve=True)))
    return before != now


def _ending_keys(plain: Any) -> dict[str, Any]:
    return {key: plain["trainer"].get(key, WITHOUT[key]) for key in LIMITS} | {"callbacks": plain["callbacks"]}


def _take_folder(run_dir: RunDir, cfg: DictConfig, saved: dict[str, Any] | None, further: bool) -> None:
    if not cfg.get("resume"):
        run_dir.begin(OmegaConf.to_yaml(cfg, resolve=True))
        return
    own = cast("DictConfig", OmegaConf.create(OmegaConf.to_container(cfg, resolve=True)))
    own.resume = None
    if further:
        put_back(run_dir.last_checkpoint.parent)
    if saved is None:
        run_dir.go_on(OmegaConf.to_yaml(own), {}, 0, run_id=new_id())
    else:
        table = saved.get("epochs", {}).get("rows", {}).get("csv", {}).get("table")
        lengths, step = saved["run"]["lengths"], saved["global_step"]
        run_dir.go_on(OmegaConf.to_yaml(own), lengths, step, table, saved.get(RUN_ID))


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


def _several_updates(cfg: DictConfig, model: L.LightningModule, data: L.LightningDataModule) -> SeveralUpdates | None:
    """Where it can be done; a run from before there was the key goes on as it began."""
    longest = cfg.get("steps_per_execution", 1)
    if longest == 1 or not (isinstance(model, Module) and isinstance(data, TensorDataModule)):
        return None
    settings = cast("dict[str, Any]", OmegaConf.to_container(cfg.trainer, resolve=True))
    if not can_make_several(settings, model, data, (Module, TensorDataModule)):
        return None
    return several_updates(settings.get("precision"), longest, cfg.seed)


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


def build_model(cfg: DictConfig, data: Any) -> L.LightningModule:
    """The model for these data, its weights drawn by `cfg.init` from their own generator."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    num_rows = len(data.splits.train[1]) if isinstance(data, TensorDataModule) else plain["data"].get("batch_size", 1)
    check_model(plain, data.num_inputs, data.num_outputs, num_rows)
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


def _trainer(
    cfg: DictConfig, run_dir: RunDir, callbacks: list[L.Callback], several: SeveralUpdates | None, step: int | None
) -> L.Trainer:
    """`several`: how updates are made, Lightning's way if None; `step`: of the checkpoint it resumes from."""
    loggers = [build(cfg, f"logger.{name}", **_purge(node, step)) for name, node in cfg.logger.items() if node]
    try:
        return build(
            cfg,
            "trainer",
            **({} if cfg.trainer.get("profiler") else {"profiler": NoProfile()}),
            **({"precision": None} if several else {}),  # the plugin has it
            callbacks=callbacks,
            logger=loggers or False,
            enable_checkpointing=True,  # not Lightning's own, as `Stopping` is a Checkpoint too
            enable_progress_bar=any(isinstance(c, L.pytorch.callbacks.ProgressBar) for c in callbacks),
            default_root_dir=str(cfg.run_dir),
            plugins=[WholeCheckpointIO(run_dir), *([several] if several else [])],
        )
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:  # Hydra's and ours around Lightning's
            cause = cause.__cause__
        if cfg.trainer.accelerator not in ("auto", "cpu") and isinstance(cause, MisconfigurationException):
            raise UserError(
                f"trainer.accelerator={cfg.trainer.accelerator}: torch {torch.__version__} sees no such device here; "
                "take trainer=cpu or trainer=auto"
            ) from None
        raise


def _purge(node: DictConfig, step: int | None) -> dict[str, int]:
    """A TensorBoard that is open forgets what it has shown of later steps; the files no longer hold them."""
    return {"purge_step": step + 1} if step is not None and node._target_.endswith("TensorBoardLogger") else {}
