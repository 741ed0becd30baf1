"""The steps of a run, in order."""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import lightning as L
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig, OmegaConf

from initlab.build import build
from initlab.callbacks.stopping import Stopped, Stopping
from initlab.checks.arguments import check_arguments
from initlab.config import check_config
from initlab.console import CONSOLE, say
from initlab.error_sentence import as_user_error, sentence_for
from initlab.errors import UserError
from initlab.forecasting.in_run import forecast_before
from initlab.forecasting.remedy import typed_words
from initlab.override import replaced
from initlab.process.settings import prepare_process, process_left_as_it_was
from initlab.report import write_report
from initlab.report.captions import words_of
from initlab.run import lines
from initlab.run.claim import Claim, claim_folder
from initlab.run.network import Network, build_network
from initlab.run.result import Result
from initlab.run.starting import Starting
from initlab.run.trainer import build_callbacks, build_trainer, tracked_runs
from initlab.runs import Run
from initlab.runs.ending import Ending, ending_of
from initlab.training import current_meeting, own_clock
from initlab.training.overrides import overrides


def train(cfg: DictConfig, callbacks: Sequence[L.Callback] = (), *, command_line: bool = False) -> Result:
    """Train and test what `cfg` describes, and leave a run folder behind.

    A plain function: `train(compose("model=mlp", run_dir="outputs/notebook"))`. The test uses the checkpoint that was
    best by `cfg.monitor`, where checkpoints are kept, else the last weights. `callbacks` come before the config's.
    Where `cfg.resume` is set, the run that `cfg.run_dir` holds resumes from its last checkpoint, from step 0 if it has
    none.

    What is global in the process (threads, seeds, dtype, warnings, signals) is afterwards as it was. Ctrl-C finishes
    the update and saves; the second one ends at once: with the process, where it is the `command_line`'s.

    Raises:
        UserError: with one sentence, for a setting that cannot work here.
        KeyboardInterrupt: Ctrl-C stopped it; on the command line SystemExit, status 130.
        SystemExit: status 143, SIGTERM stopped it.
    """
    if not isinstance(cfg, DictConfig) or not cfg.get("run_dir"):
        raise UserError("train takes a config, as in train(compose('model=mlp', run_dir='outputs/mine'))")
    if not command_line:  # which has checked it, as the one that was typed
        with as_user_error(()):
            check_config(cfg)
    try:
        kept = process_left_as_it_was() if current_meeting() is None else contextlib.nullcontext()
        with kept, contextlib.ExitStack() as at_the_end:
            return _train(cfg, callbacks, Stopping(kill_at_second=command_line), at_the_end, command_line)
    except Stopped as stopped:
        if command_line or stopped.number != signal.SIGINT:
            raise
        raise KeyboardInterrupt from None


def _train(
    cfg: DictConfig,
    callbacks: Sequence[L.Callback],
    stopping: Stopping,
    at_the_end: contextlib.ExitStack,
    command_line: bool,
) -> Result:
    started = own_clock()
    with Starting(cfg) as start, stopping:
        cfg = _resolved(cfg)
        check_arguments(cfg)
        prepare_process(cfg)
        data = build(cfg, "data")
        data.prepare_data()
        network = build_network(cfg, data)
        claim = claim_folder(cfg)
        at_the_end.callback(claim.release)
        callbacks = build_callbacks(cfg, network.model, callbacks, claim)
        tracked = tracked_runs(cfg, claim)
        trainer = build_trainer(cfg, network.model, data, [*callbacks, stopping], claim, tracked)
        start.trains(trainer, claim.step)
        claim.check(trainer, network.model, data)
        if trainer.is_global_zero:
            claim.take()
            if not claim.resumes:
                start.writes()
        else:
            CONSOLE.quiet = True  # of several processes one prints, and keeps the folder
        if tracked is not None:
            at_the_end.push(lambda kind, error, trace: tracked.close(well=kind is None))
            tracked.open(trainer, lambda key, given: build(cfg, key, **given))
        words = _words(claim) if command_line else None
        _announce(cfg, data, network, trainer, claim, words)
        if (meeting := current_meeting()) is not None:
            meeting.begin()
        try:
            trainer.fit(network.model, datamodule=data, ckpt_path=claim.checkpoint)
            start.has_trained()
            stopping.now(trainer)
            ended = ending_of(trainer, claim.folder.path, cfg.trainer.get("max_time"))
            lines.show_ending(ended, nothing=claim.saved is not None and claim.step == ended.steps, cfg=cfg)
            result = _test_best(cfg, trainer, network.model, data, claim, stopping)
        except Stopped:
            if start.over or claim.resumes:
                lines.show_interruption(trainer, claim.folder)
                if trainer.is_global_zero and not claim.of_sweep:
                    _conclude(claim, command_line)
                lines.show_how_to_resume(claim.folder)
            if not trainer.is_global_zero:  # Lightning kills the others when one of them fails
                raise SystemExit(0) from None
            raise
        except Exception as error:
            if start.over and trainer.is_global_zero:
                _end_badly(claim, error, command_line)
            raise

    seconds = own_clock() - started + claim.seconds
    if trainer.is_global_zero:
        _write_summary(cfg, claim, result, ended, seconds)
    lines.show_result(result, seconds)
    if trainer.is_global_zero:
        _conclude(claim, command_line, _compare(cfg, words) if words is not None and not claim.resumes else None)
    return result


def _resolved(cfg: DictConfig) -> DictConfig:
    """With every `${...}` followed, once for all the steps of a run; the caller's own is left as it is.

    (`OmegaConf.resolve` takes no resolver that gives a list.)
    """
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return OmegaConf.create(plain, flags={"struct": bool(OmegaConf.is_struct(cfg))})


def _announce(
    cfg: DictConfig,
    data: L.LightningDataModule,
    network: Network,
    trainer: L.Trainer,
    claim: Claim,
    words: list[str] | None,
) -> None:
    """The layers, what is to be said of the draw, and the forecast."""
    lines.show_model(network, trainer, cfg.seed)
    if claim.saved is None:
        for note in network.notes:
            label, _, text = note.partition(" ")
            say(text.strip(), label)
    if claim.resumes:
        lines.show_resumption(claim.saved)
    if claim.saved is None and trainer.is_global_zero:
        forecast_before(cfg, claim.folder.path, words, data, fix=not claim.of_sweep)


def _test_best(
    cfg: DictConfig,
    trainer: L.Trainer,
    model: L.LightningModule,
    data: L.LightningDataModule,
    claim: Claim,
    stopping: Stopping,
) -> Result:
    """Test the best epoch's weights, where they were kept, and put all metrics together."""
    metrics = latest_metrics(model, trainer)
    kept = (c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint))
    best = next((c for c in kept if c.best_model_path and c.monitor), None)
    score = float(best.best_model_score) if best else metrics.get(cfg.monitor, float("nan"))
    if overrides(model, L.LightningModule, "test_step") and data.test_dataloader() is not None:
        trainer.test(model, datamodule=data, ckpt_path=best.best_model_path if best else None, verbose=False)
        stopping.now(trainer)
        tested = {name: v for name, v in latest_metrics(model, trainer).items() if name.startswith("test/")}
        metrics |= tested
        for logger in trainer.loggers:
            logger.log_metrics(tested, step=trainer.global_step)
    for logger in trainer.loggers:
        logger.finalize("success")
    return Result(metrics, score, claim.folder.path, model, data, tested_best=best is not None)


def _end_badly(claim: Claim, error: Exception, command_line: bool) -> None:
    """Say in the folder and in the terminal why the run has no summary; of a job of a sweep the sweep does."""
    if claim.of_sweep:
        return
    sentence = sentence_for(error) or f"{type(error).__name__}: {' '.join(str(error).split())}"
    try:
        claim.folder.fail(sentence, traceback.format_exc())
        _conclude(claim, command_line)
    except OSError:  # a full disk, which the error itself may be about
        return


def _words(claim: Claim) -> list[str] | None:
    """The overrides that make this run: those of the command, or of one that resumes, those of the command that made
    it with what is changed now. None: it was made without a command."""
    typed = typed_words()
    if not claim.resumes or typed is None:
        return typed
    own = words_of(Run.lenient(claim.folder.path))
    return None if own is None else replaced(own, typed)


def _compare(cfg: DictConfig, words: list[str]) -> list[str]:
    """The command of a sweep around the run that these words made."""
    return lines.how_to_compare(words, str(HydraConfig.get().runtime.choices["init"]), cfg.optimizer)


def _write_summary(cfg: DictConfig, claim: Claim, result: Result, ended: Ending, seconds: float) -> None:
    claim.folder.finish(
        {
            "metrics": result.metrics,
            "score": result.score,
            "monitor": cfg.monitor,
            "ended": ended.record(),
            "seconds": round(seconds, 2),
        }
    )


def _conclude(claim: Claim, page: bool, compare: list[str] | None = None) -> None:
    """report.html, which takes 0.1 s, and the verdict; a job of a sweep leaves both to the sweep. A page that fails is
    no reason for a run to fail, nor is a verdict."""
    if claim.of_sweep:
        return
    steps: dict[str, Callable[[], Any]] = (
        {"report.html was not written": partial(write_report, claim.folder.path)} if page else {}
    )
    for sorry, step in (steps | {"no verdict": partial(lines.show_verdict, claim.folder.path, compare)}).items():
        try:
            step()
        except Exception as error:
            say(f"{sorry}: {error}")


def latest_metrics(model: L.LightningModule, trainer: L.Trainer) -> dict[str, float]:
    """In full precision from a model of ours, as Lightning has them (float32) from any other."""
    return dict(getattr(model, "latest", None) or {name: float(v) for name, v in trainer.callback_metrics.items()})
