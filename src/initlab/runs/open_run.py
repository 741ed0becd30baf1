"""A past run, opened with its own config: for notebooks, the evaluation and the report."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from initlab.errors import UserError
from initlab.runs.allowed import check_allowed, class_named
from initlab.runs.config_file import FILE, read_config
from initlab.runs.find import find_run
from initlab.runs.reading import MOST_ROWS, read_file, read_json

if TYPE_CHECKING:
    import pandas as pd
    from lightning import LightningDataModule, LightningModule
    from omegaconf import DictConfig


def open_run(folder: str | Path, weights: str = "best", allow: Sequence[str] = ()) -> Run:
    """`open_run("latest").metrics`; the folder of a run, its name in outputs/runs, or `latest`.

    Args:
        weights: whose weights `.model` gets: "best", of the epoch that was best, or "last", the latest saved.
        allow: packages whose classes the run may be rebuilt from, beside those of `initlab.runs.allowed`.

    Raises:
        UserError: with one sentence, where no run is there.
    """
    if weights not in ("best", "last"):
        raise UserError(f"weights={weights}: must be best or last")
    return Run(find_run(folder), weights, allow)


def open_checkpoint(path: str | Path, allow: Sequence[str] = ()) -> Run:
    """The run that a checkpoint file belongs to, by its place: `<run>/checkpoints/<name>.ckpt`."""
    file = Path(path).resolve()
    if not file.exists():
        raise UserError(f"checkpoint={path}: there is no such file")
    if file.parent.name != "checkpoints" or not os.path.lexists(file.parents[1] / FILE):
        raise UserError(f"checkpoint={path}: it lies in no run's folder, so nothing says which data are its own")
    return Run(file.parents[1], file.stem, allow)


class Run:
    """A run's folder, read when asked: torch is imported for `model` and `data` alone.

    A run that was killed, or goes on, is opened as well: what is not there yet is None or empty, and a row of a
    table that was cut off in the middle is left out.
    """

    def __init__(self, path: Path, weights: str = "best", allow: Sequence[str] = ()) -> None:
        self.path = path
        self.weights = weights
        self.allow = tuple(allow)

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"failed: {self.error}" if self.error else "not finished"
        return f"Run({str(self.path)!r}, {state})"

    @cached_property
    def config(self) -> DictConfig:
        """As the run had it, resolved; it names no class that is not allowed, and the paths in it follow the folder."""
        from omegaconf import OmegaConf

        config = read_config(self.path)
        check_allowed(config, self.allow, self.path)
        return OmegaConf.create(config)

    def check(self) -> None:
        """Raise UserError, which names the file, for the first value of the config that cannot work: by the check of a
        typed config, as anybody may have written this one."""
        from omegaconf import OmegaConf

        from initlab.config import check_config

        groups: dict[str, Any] = {"scheduler": None, "callbacks": {}, "logger": {}}  # that a run may have been without
        try:
            check_config(OmegaConf.create({**groups, **cast("dict[str, Any]", OmegaConf.to_container(self.config))}))
        except UserError as error:
            raise UserError(f"{self.path / FILE}: {error}") from None

    @property
    def finished(self) -> bool:
        """Whether it ended well."""
        return self.summary is not None

    @cached_property
    def summary(self) -> dict[str, Any] | None:
        """{"metrics": {...}, "score": ..., "monitor": ..., "seconds": ...}; None: it did not finish."""
        return cast("dict[str, Any] | None", self._json("summary.json", dict))

    @cached_property
    def error(self) -> str | None:
        """Why it failed, where a sweep wrote that down."""
        failed = self._json("failed.json", dict)
        return str(failed.get("error", "")) if failed else None

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Command, versions, processor, threads, commit."""
        return cast("dict[str, Any]", self._json("environment.json", dict) or {})

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """What the monitor found, causes first; empty: nothing, or nobody looked."""
        return cast("list[dict[str, Any]]", self._json("findings.json", list) or [])

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row an epoch: epoch, step, train/loss, val/loss, ..."""
        return self._table("metrics.csv", ("epoch", "step"))

    @cached_property
    def rows(self) -> pd.DataFrame:
        """What the monitor recorded: step, layer, quantity, value."""
        there = next((n for n in ("signal.csv", "activations.csv") if (self.path / n).exists()), "signal.csv")
        return self._table(there, ("step", "layer", "quantity", "value"))

    @cached_property
    def histograms(self) -> pd.DataFrame:
        """Of each layer's output: step, layer, low, high, counts (64 whole numbers in a text)."""
        return self._table("histograms.csv", ("step", "layer", "low", "high", "counts"))

    @property
    def checkpoint(self) -> Path:
        """The file with the weights that were asked for."""
        path = self.path / "checkpoints" / f"{self.weights}.ckpt"
        if not os.path.lexists(path):  # what else may be there, its reader says
            there = sorted(p.stem for p in path.parent.glob("*.ckpt") if p.is_file())
            instead = f"weights={there[0]}" if there else "a run that has got to its first checkpoint"
            raise UserError(f"{path}: there is no such checkpoint; take {instead}")
        return path

    @cached_property
    def model(self) -> LightningModule:
        """With its weights, on the CPU, ready to be evaluated; a run of your own model class must be importable."""
        from initlab.runs.checkpoint_io import load_model
        from initlab.runs.run_dir import RunDir

        self.check()
        target = self.config.model._target_
        try:
            kind: Any = class_named(target)
        except Exception as error:
            raise UserError(f"{self.path / FILE}: model._target_={target}: {_line(error)}") from error
        model = load_model(kind.load_from_checkpoint, self.checkpoint, RunDir(self.path), map_location="cpu")
        return cast("LightningModule", model.eval())

    @cached_property
    def data(self) -> LightningDataModule:
        """The same data, split and order as the run had."""
        from initlab.build import build

        self.check()
        config = self.config
        try:
            return cast("LightningDataModule", build(config, "data"))
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{self.path / FILE}: no data can be made from it: {_line(error)}") from error

    def _json(self, name: str, kind: type[Any]) -> Any:
        """What a JSON file holds, None where there is none."""
        try:
            return read_json(self.path / name, kind)
        except FileNotFoundError:
            return None

    def _table(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """Whole rows of a CSV file, every float as it was written; no rows where there is no file."""
        import pandas as pd

        path = self.path / name
        try:
            text = read_file(path, MOST_ROWS)
        except FileNotFoundError:
            text = b""
        whole = text[: text.rfind(b"\n") + 1]
        if not whole:
            return pd.DataFrame(columns=list(columns))
        try:
            table = pd.read_csv(io.BytesIO(whole))
        except (ValueError, OverflowError) as error:
            raise UserError(f"{path}: not a table: {_line(error)}") from None
        missing = [column for column in columns if column not in table]
        if missing:
            raise UserError(f"{path}: not the table that a run writes, it has no column {missing[0]}")
        return table


def _line(error: BaseException) -> str:
    """What an error says, in one line, of its cause where it has one."""
    return " ".join(str(error.__cause__ or error).split())[:300]
