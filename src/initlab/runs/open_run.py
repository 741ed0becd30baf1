"""A past run, opened with its own config: for notebooks, the evaluation and the report."""

from __future__ import annotations

import io
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from initlab.errors import UserError
from initlab.runs.find import find_run
from initlab.runs.renamed import with_present_names

if TYPE_CHECKING:
    import pandas as pd
    from lightning import LightningDataModule, LightningModule
    from omegaconf import DictConfig


def open_run(folder: str | Path, weights: str = "best") -> Run:
    """`open_run("latest").metrics`; the folder of a run, its name in outputs/runs, or `latest`.

    Args:
        weights: whose weights `.model` gets: "best", of the epoch that was best, or "last", the latest saved.

    Raises:
        UserError: with one sentence, where no run is there.
    """
    if weights not in ("best", "last"):
        raise UserError(f"weights={weights}: must be best or last")
    return Run(find_run(folder), weights)


def open_checkpoint(path: str | Path) -> Run:
    """The run that a checkpoint file belongs to, by its place: `<run>/checkpoints/<name>.ckpt`."""
    file = Path(path).resolve()
    if not file.is_file():
        raise UserError(f"checkpoint={path}: there is no such file")
    if file.parent.name != "checkpoints" or not (file.parents[1] / "config.yaml").is_file():
        raise UserError(f"checkpoint={path}: it lies in no run's folder, so nothing says which data are its own")
    return Run(file.parents[1], file.stem)


class Run:
    """A run's folder, read when asked: torch is imported for `model` and `data` alone.

    A run that was killed, or goes on, is opened as well: what is not there yet is None or empty, and a row of a
    table that was cut off in the middle is left out.
    """

    def __init__(self, path: Path, weights: str = "best") -> None:
        self.path = path
        self.weights = weights

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"failed: {self.error}" if self.error else "not finished"
        return f"Run({str(self.path)!r}, {state})"

    @cached_property
    def config(self) -> DictConfig:
        """As the run had it, resolved."""
        from omegaconf import DictConfig, OmegaConf
        from yaml import YAMLError

        try:
            config = OmegaConf.load(self.path / "config.yaml")
        except (YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{self.path / 'config.yaml'}: not a config: {' '.join(str(error).split())}") from None
        if not isinstance(config, DictConfig) or not config:
            raise UserError(f"{self.path / 'config.yaml'}: not a config, but empty or a list")
        return OmegaConf.create(with_present_names(OmegaConf.to_container(config)))

    @property
    def finished(self) -> bool:
        """Whether it ended well."""
        return self.summary is not None

    @cached_property
    def summary(self) -> dict[str, Any] | None:
        """{"metrics": {...}, "score": ..., "monitor": ..., "seconds": ...}; None: it did not finish."""
        return cast("dict[str, Any] | None", self._json("summary.json"))

    @cached_property
    def error(self) -> str | None:
        """Why it failed, where a sweep wrote that down."""
        failed = self._json("failed.json")
        return str(failed["error"]) if failed else None

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Command, versions, processor, threads, commit."""
        return cast("dict[str, Any]", self._json("environment.json") or {})

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """What the monitor found, causes first; empty: nothing, or nobody looked."""
        return cast("list[dict[str, Any]]", self._json("findings.json") or [])

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
        if not path.is_file():
            there = sorted(p.stem for p in path.parent.glob("*.ckpt"))
            instead = f"weights={there[0]}" if there else "a run that has got to its first checkpoint"
            raise UserError(f"{path}: there is no such checkpoint; take {instead}")
        return path

    @cached_property
    def model(self) -> LightningModule:
        """With its weights, on the CPU, ready to be evaluated; a run of your own model class must be importable."""
        from hydra.utils import get_class

        model = cast("Any", get_class(self.config.model._target_)).load_from_checkpoint(
            self.checkpoint, map_location="cpu", weights_only=True
        )
        return cast("LightningModule", model.eval())

    @cached_property
    def data(self) -> LightningDataModule:
        """The same data, split and order as the run had."""
        from initlab.build import build

        return cast("LightningDataModule", build(self.config, "data"))

    def _json(self, name: str) -> Any:
        """What a JSON file holds, None where there is none."""
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UserError(f"{self.path / name}: cut off or altered: {error}") from None

    def _table(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """Whole rows of a CSV file, every float as it was written; no rows where there is no file."""
        import pandas as pd

        path = self.path / name
        text = path.read_bytes() if path.exists() else b""
        whole = text[: text.rfind(b"\n") + 1]
        if not whole:
            return pd.DataFrame(columns=list(columns))
        try:
            return pd.read_csv(io.BytesIO(whole))
        except (pd.errors.ParserError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not a table: {' '.join(str(error).split())}") from None
