"""A past run, opened with its own config: for notebooks, the evaluation, the report, sweeps and the textbook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from initlab.errors import UserError
from initlab.notebook import Displays, Shown
from initlab.runs.allowed import check_allowed, class_named
from initlab.runs.config_file import FILE, read_config
from initlab.runs.find import find_run
from initlab.runs.reader import HISTOGRAMS, METRICS, SIGNAL, Reader, number

if TYPE_CHECKING:
    import pandas as pd
    from lightning import LightningDataModule, LightningModule
    from omegaconf import DictConfig


def open_run(folder: str | Path, weights: str = "best", allow: Sequence[str] = ()) -> Run:
    """`open_run("latest").metrics`; the folder of a run, its name in outputs/runs, or `latest`.

    Args:
        weights: whose weights `.model` gets: "best", of the epoch that was best, or "last", the latest saved.
        allow: packages whose classes the run may be rebuilt from, besides those of `initlab.runs.allowed`.

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


class Run(Displays):
    """A run's folder, read when asked: torch is imported for `model` and `data` alone, pandas for the tables.

    A run that was killed, or still trains, is opened as well: what is not there yet is None or empty, and a row of a
    table that was cut off in the middle is left out. A broken file is a UserError in one sentence; of a `lenient` run,
    such as a page is drawn of, it is left out, and the sentence joins `troubles` when the file is first asked for.
    """

    def __init__(self, path: Path, weights: str = "best", allow: Sequence[str] = (), lenient: bool = False) -> None:
        self.path = path
        self.weights = weights
        self.allow = tuple(allow)
        self._files = Reader(path, lenient)

    @classmethod
    def lenient(cls, path: Path) -> Run:
        return cls(path, lenient=True)

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"failed: {self.error}" if self.error else "not finished"
        return f"Run({str(self.path)!r}, {state})"

    def show(self) -> Shown:
        """Whether it trained, why not, its metrics and its loss, as a notebook shows them; `print` has the text."""
        from initlab.runs.show import show_run

        return show_run(self)

    def as_text(self) -> str:
        return self.show().as_text()

    def as_html(self) -> str:
        return self.show().as_html()

    @property
    def troubles(self) -> list[str]:
        """A sentence for each file that was asked for so far and is broken; of a lenient run."""
        return self._files.troubles

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
        config = cast("dict[str, Any]", OmegaConf.to_container(self.config))  # whose own errors name the file already
        try:
            check_config(OmegaConf.create({**groups, **config}))
        except UserError as error:
            raise UserError(f"{self.path / FILE}: {error}") from None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The plain values of config.yaml as they stand there, to look at: nothing may be built from them."""
        return self._files.yaml(FILE)

    @cached_property
    def config_text(self) -> str:
        return self._files.text(FILE)

    @property
    def finished(self) -> bool:
        """Whether it ended well."""
        return self.summary is not None

    @property
    def state(self) -> str:
        """finished, failed, unfinished or not begun."""
        if self.finished or self.failed:
            return "finished" if self.finished else "failed"
        return "unfinished" if self.path.is_dir() else "not begun"

    @cached_property
    def summary(self) -> dict[str, Any] | None:
        """{"metrics": {...}, "score": ..., "monitor": ..., "seconds": ...}; None: it did not finish."""
        return cast("dict[str, Any] | None", self._files.json("summary.json", dict))

    @cached_property
    def failed(self) -> dict[str, Any]:
        """{"error": ..., "traceback": ...}, where a run that failed says why."""
        return cast("dict[str, Any]", self._files.json("failed.json", dict) or {})

    @property
    def error(self) -> str | None:
        """Why it failed, in one sentence."""
        return str(self.failed.get("error", "")) if self.failed else None

    @property
    def pruned(self) -> bool:
        """Whether a sampler stopped it as other trials were better."""
        return (self.path / "pruned.json").exists()

    @property
    def ended_by(self) -> str:
        """What ended it, as `initlab.runs.ending.Ending.by` has it; empty where that is not known."""
        ended = (self.summary or {}).get("ended")
        return str(ended.get("by", "")) if isinstance(ended, dict) else ""

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Command, versions, processor, threads, commit."""
        return cast("dict[str, Any]", self._files.json("environment.json", dict) or {})

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """What the monitor found, causes first; empty: nothing, or no monitor."""
        return [found for found in self._files.json("findings.json", list) or [] if isinstance(found, dict)]

    @cached_property
    def forecast(self) -> dict[str, Any]:
        """What was predicted before its first step, as forecast.json has it."""
        return cast("dict[str, Any]", self._files.json("forecast.json", dict) or {})

    @cached_property
    def explanation(self) -> dict[str, Any]:
        """Why it did not train, as `initlab.explain` wrote it in explanation.json; empty where nobody has asked."""
        return cast("dict[str, Any]", self._files.json("explanation.json", dict) or {})

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row an epoch: epoch, step, train/loss, val/loss, ..."""
        return self._files.table("metrics.csv", METRICS, others=True)

    @cached_property
    def epochs(self) -> dict[str, list[float]]:
        """The same as columns, without pandas."""
        return self._files.columns("metrics.csv", METRICS, others=True)

    @cached_property
    def curves(self) -> dict[str, dict[int, float]]:
        """Each metric by epoch, without the epochs that have none, as they were not validated; nan is a number here."""
        found: dict[str, dict[int, float]] = {}
        for cells in self._files.epochs("metrics.csv"):
            with suppress(ValueError, KeyError):
                epoch = int(cells.pop("epoch"))
                for name, cell in cells.items():
                    if cell and name != "step":
                        found.setdefault(name, {})[epoch] = float(cell)
        return found

    @cached_property
    def last(self) -> dict[str, float]:
        """The metrics at its end, by name: of the summary, else the last that were written."""
        given = (self.summary or {}).get("metrics")
        if isinstance(given, dict):
            return {str(name): number(value) for name, value in given.items()}
        return {name: list(curve.values())[-1] for name, curve in self.curves.items()}

    @cached_property
    def signal(self) -> pd.DataFrame:
        """What the monitor recorded: step, layer, quantity, value; layer and quantity as categories, which are quick to
        choose from."""
        return self._files.table(self._signal_file, SIGNAL)

    @property
    def _signal_file(self) -> str:
        return next((n for n in ("signal.csv", "activations.csv") if (self.path / n).exists()), "signal.csv")

    @cached_property
    def recorded(self) -> dict[str, dict[str, dict[int, float]]]:
        """The same by quantity, layer and step, all in the order in which they were written, without pandas."""
        found: dict[str, dict[str, dict[int, float]]] = {}
        columns = self._files.columns(self._signal_file, SIGNAL)
        for step, layer, quantity, value in zip(*columns.values(), strict=True):
            found.setdefault(quantity, {}).setdefault(layer, {})[step] = value
        return found

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The same, with plain texts."""
        return self.signal.astype({"layer": "str", "quantity": "str"})

    @cached_property
    def histograms(self) -> pd.DataFrame:
        """Of each layer's output: step, layer, low, high, counts (64 whole numbers in a text)."""
        return self._files.table("histograms.csv", HISTOGRAMS)

    @cached_property
    def shapes(self) -> list[tuple[int, str, float, float, str]]:
        """The same as rows, without pandas."""
        return list(zip(*self._files.columns("histograms.csv", HISTOGRAMS).values(), strict=True))

    def series(self, layer: str, quantity: str) -> pd.DataFrame:
        """Rows of step and value, by step; of a step that was recorded twice the later."""
        rows = self.signal[(self.signal["layer"] == layer) & (self.signal["quantity"] == quantity)]
        return rows[["step", "value"]].drop_duplicates("step", keep="last").sort_values("step")

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
    def model_class(self) -> type[Any]:
        """The class of its model, without its weights; one of your own must be importable."""
        self.check()
        target = self.config.model._target_
        try:
            return class_named(target)
        except Exception as error:
            raise UserError(f"{self.path / FILE}: model._target_={target}: {_line(error)}") from error

    @cached_property
    def model(self) -> LightningModule:
        """With its weights, on the CPU, ready to be evaluated; a run of your own model class must be importable."""
        from initlab.runs.checkpoint_io import load_model
        from initlab.runs.run_dir import RunDir

        load = self.model_class.load_from_checkpoint
        model = load_model(load, self.checkpoint, RunDir(self.path), map_location="cpu")
        return cast("LightningModule", model.eval())

    @cached_property
    def data(self) -> LightningDataModule:
        """The same data, split and order as the run had; UserError where its file holds others by now."""
        from initlab.build import build
        from initlab.data import TensorDataModule
        from initlab.runs.checkpoint_io import read_checkpoint
        from initlab.runs.run_dir import RunDir

        self.check()
        config = self.config
        try:
            data: LightningDataModule = build(config, "data")
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{self.path / FILE}: no data can be made from it: {_line(error)}") from error
        if isinstance(data, TensorDataModule):  # the state of others may be a place in an epoch
            saved: dict[str, Any] = {}
            with suppress(UserError):  # of a run without a sound checkpoint nothing more is known
                saved = read_checkpoint(self.checkpoint, run=RunDir(self.path))
            if state := saved.get(type(data).__qualname__):  # as Lightning keeps it
                data.load_state_dict(state)
        return data


def _line(error: BaseException) -> str:
    """What an error says, in one line, of its cause where it has one."""
    return " ".join(str(error.__cause__ or error).split())[:300]
