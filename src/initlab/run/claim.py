"""The folder that a run writes to: a new one, or that of the run that it resumes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning as L
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from initlab.data import TensorDataModule
from initlab.errors import UserError
from initlab.runs import Run, RunDir
from initlab.runs.checkpoint_io import read_checkpoint
from initlab.runs.config_file import read_config
from initlab.runs.resumable import check_fits, check_resumable, epochs_of
from initlab.runs.resume import LIMITS, WITHOUT, ended_as
from initlab.runs.run_dir import RUN_ID, new_id
from initlab.runs.set_aside import before_the_end, put_back
from initlab.sweeps import job_folder


@dataclass(frozen=True)
class Claim:
    """saved: the checkpoint that the run resumes from, None where there is none; further: whether a run that has ended
    gets other limits or other callbacks than it had."""

    cfg: DictConfig
    folder: RunDir
    saved: dict[str, Any] | None = None
    further: bool = False

    @property
    def of_sweep(self) -> bool:
        """Whether the run is a job of a sweep that runs, which draws nothing that is not asked for; a job that resumes
        by itself is a run like any other."""
        alone = self.resumes and HydraConfig.initialized() and HydraConfig.get().mode == RunMode.RUN
        return (self.folder.path / job_folder.NAME).exists() and not alone

    @property
    def resumes(self) -> bool:
        return bool(self.cfg.get("resume"))

    @property
    def step(self) -> int:
        """Updates made before."""
        return self.saved["global_step"] if self.saved else 0

    @property
    def seconds(self) -> float:
        """Trained before."""
        return self.saved["run"]["seconds"] if self.saved else 0.0

    @property
    def checkpoint(self) -> Path | None:
        return self.folder.last_checkpoint if self.saved else None

    def release(self) -> None:
        """Let other processes have the folder."""
        self.folder.release()

    def check(self, trainer: L.Trainer, model: L.LightningModule, data: L.LightningDataModule) -> None:
        """Raise UserError where the checkpoint is of other data, another model or trainer."""
        if self.saved is not None:
            state = self.saved.get(type(data).__qualname__)  # as Lightning keeps it
            if state and isinstance(data, TensorDataModule):  # the state of others may be a place in an epoch
                data.load_state_dict(state)
            check_fits(self.saved, trainer, model, self.folder.last_checkpoint)

    def take(self) -> None:
        """Write to the folder for the first time: only now, when everything is known to work."""
        if not self.resumes:
            self.folder.create(OmegaConf.to_yaml(self.cfg, resolve=True))
            return
        own = cast("DictConfig", OmegaConf.create(OmegaConf.to_container(self.cfg, resolve=True)))
        own.resume = None
        if self.further:
            put_back(self.folder.last_checkpoint.parent)
        if self.saved is None:
            self.folder.resume(OmegaConf.to_yaml(own), {}, 0, run_id=new_id())
        else:
            table = self.saved.get("epochs", {}).get("rows", {}).get("csv", {}).get("table")
            lengths = self.saved["run"]["lengths"]
            self.folder.resume(OmegaConf.to_yaml(own), lengths, self.step, table, self.saved.get(RUN_ID))


def claim_folder(cfg: DictConfig) -> Claim:
    """Nothing is written yet; the folder of a run that resumes is locked, and its checkpoint read and found sound.

    Raises:
        UserError: the run cannot be resumed, or not without losing what it recorded.
    """
    folder = RunDir(cfg.run_dir)
    if not cfg.get("resume"):
        return Claim(cfg, folder)
    try:
        return _resumption(cfg, folder)
    except BaseException:
        folder.release()
        raise


def _resumption(cfg: DictConfig, folder: RunDir) -> Claim:
    if rank_zero_only.rank == 0:  # the others of several processes have no lock, and look when the first has begun
        folder.hold()  # first: the process that held it before may have trained on since the command was read
    folder.check()
    finished = (folder.path / "summary.json").exists()
    further = finished and _asked_to_train_further(folder, cfg)
    if finished and not further:
        raise UserError(f"resume={folder.path}: another process has finished this run in the meantime")
    if further:
        ended = ended_as(Run(folder.path))
        _check_limits(cfg, ended["epochs"], ended["steps"])
    path = before_the_end(folder.last_checkpoint) if further else folder.last_checkpoint
    if further and not folder.last_checkpoint.exists():
        says = "is not there, and from step 0 the run would replace what it has recorded"
        raise UserError(f"{path}: {says}; {_instead(folder, path)}")
    return Claim(cfg, folder, _sound(cfg, folder, path) if path.exists() else None, further and path.exists())


def _sound(cfg: DictConfig, folder: RunDir, path: Path) -> dict[str, Any]:
    """The checkpoint, and the one of the best epoch is sound too."""
    best = path.with_name("best.ckpt")  # that the end of the run tests, where no later epoch is better
    why_not_best = _why_not(folder, best)
    try:
        saved = read_checkpoint(path, run=folder)
        check_resumable(saved, path)
    except UserError as error:
        raise UserError(f"{error}; {_instead(folder, path)}") from None
    if why_not_best is not None and best.exists():
        raise UserError(f"{why_not_best}; delete it to continue without the best epoch so far")
    _check_limits(cfg, epochs_of(saved), saved["global_step"])
    return saved


def _instead(folder: RunDir, path: Path) -> str:
    """What to do without the checkpoint."""
    best = path.with_name("best.ckpt")
    from_best = f"put {best} in its place to resume from there, or " if _why_not(folder, best) is None else ""
    return f"{from_best}start a new run"


def _check_limits(cfg: DictConfig, epochs: int, steps: int) -> None:
    """A run does not become shorter."""
    for key, trained in (("max_epochs", epochs), ("max_steps", steps)):
        limit = cfg.trainer.get(key, WITHOUT[key])
        if 0 <= limit < trained:
            raise UserError(f"trainer.{key}={limit}: the run has trained {trained} already")


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
