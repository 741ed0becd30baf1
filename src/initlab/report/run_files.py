"""What a run left in its folder, as far as it can be read."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.report.trouble import Reader
from initlab.sweeps.compared_figure import Monitored, monitored

if TYPE_CHECKING:
    import pandas as pd

MARKS = (
    "config.yaml",
    "summary.json",
    "failed.json",
    "metrics.csv",
    "signal.csv",
    "findings.json",
)  # of a run's folder


@dataclass
class RunFiles:
    """One run.

    metrics:    a row an epoch, None where there is none; signal: rows of step, layer, quantity, value.
    blank_at_the_end: the columns of metrics, with a number in some row, that the last epoch has none of, as it was not
        validated; nan is a number here.
    forecast:   of forecast.json, a layer each: name, std, low, high, grad, grad_low, grad_high; and its verdict.
    summary:    empty for a run that did not end; failed: empty for one that did not fail.
    troubles:   a sentence for each thing that is missing or broken.
    """

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    config_text: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    metrics: pd.DataFrame | None = None
    blank_at_the_end: tuple[str, ...] = ()
    signal: pd.DataFrame | None = None
    histograms: pd.DataFrame | None = None
    forecast: list[dict[str, Any]] = field(default_factory=list)
    forecast_verdict: str = ""
    troubles: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """finished, failed or unfinished."""
        return "finished" if self.summary else "failed" if self.failed else "unfinished"

    @property
    def monitor(self) -> str:
        return str(self.summary.get("monitor") or self.config.get("monitor") or "val/loss")

    @cached_property
    def last(self) -> dict[str, float]:
        """The figures at the end, by name: of the summary, else of the last epoch that was written."""
        given = self.summary.get("metrics")
        if isinstance(given, dict):
            return {str(name): number(value) for name, value in given.items()}
        if self.metrics is None or self.metrics.empty:
            return {}
        row = self.metrics.iloc[-1]
        return {str(name): float(row[name]) for name in self.metrics.columns if name not in ("epoch", "step")} | {
            name: float(self.metrics[name].dropna().iloc[-1]) for name in self.blank_at_the_end
        }

    def monitored(self, monitor: str) -> Monitored:
        """What a sweep compares."""
        curve: dict[int, float] = {}
        if self.metrics is not None and monitor in self.metrics:
            rows = self.metrics[["epoch", monitor]].dropna()
            curve = {int(epoch): float(value) for epoch, value in rows.itertuples(index=False)}
        return monitored(self.summary, monitor, curve)

    def series(self, layer: str, quantity: str) -> pd.DataFrame:
        """Rows of step and value, by step."""
        assert self.signal is not None
        rows = self.signal[(self.signal["layer"] == layer) & (self.signal["quantity"] == quantity)]
        return rows[["step", "value"]].drop_duplicates("step", keep="last").sort_values("step")


def read_run(folder: Path, pictures: bool = True) -> RunFiles:
    """Read what is there; `pictures`: also histograms and the forecast, which only a page about one run shows."""
    reader = Reader(folder)
    run = RunFiles(folder, troubles=reader.troubles)
    run.config_text = reader.text("config.yaml") or ""
    run.config = reader.yaml("config.yaml") if run.config_text else {}
    run.environment = reader.json("environment.json", dict)
    run.summary = reader.json("summary.json", dict)
    run.failed = reader.json("failed.json", dict)
    run.findings = [item for item in reader.json("findings.json", list) if isinstance(item, dict)]
    run.metrics = reader.csv("metrics.csv")
    if run.metrics is not None and "epoch" not in run.metrics.columns:
        run.metrics = None
    if run.metrics is not None and len(run.metrics):
        run.blank_at_the_end = _blank_at_the_end(reader.text("metrics.csv") or "", run.metrics)
    name = "signal.csv" if (folder / "signal.csv").exists() else "activations.csv"  # of ActivationStats alone
    run.signal = reader.csv(name, ("step", "value"), ("layer", "quantity"))
    if pictures:
        run.histograms = reader.csv("histograms.csv", ("step", "low", "high"), ("layer", "counts"))
        foretold = reader.json("forecast.json", dict)
        run.forecast_verdict = str(foretold.get("says") or "") or ": ".join(
            str(foretold[word]) for word in ("verdict", "why") if foretold.get(word)
        )
        layers = foretold.get("layers")
        run.forecast = [one for one in layers if isinstance(one, dict)] if isinstance(layers, list) else []
    run.troubles += _missing(run)
    return run


def is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in MARKS)


def number(value: Any) -> float:
    """A figure of a JSON file; nan for null, which stands for a figure that is none, and for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def short_class(node: Any) -> str:
    """`kaiming` for `{_target_: initlab.init.Kaiming}`, `torch_default` for TorchDefault; empty for none."""
    target = node.get("_target_", "") if isinstance(node, dict) else ""
    name = str(target).rsplit(".", 1)[-1]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _blank_at_the_end(text: str, metrics: pd.DataFrame) -> tuple[str, ...]:
    rows = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    blank = {name for name, cell in zip(rows[0], rows[-1], strict=False) if cell == ""}
    return tuple(str(name) for name in metrics.columns if name in blank and metrics[name].notna().any())


def _missing(run: RunFiles) -> list[str]:
    """Which files are not there, and what the page cannot show without them."""
    said = []
    if not run.config_text:
        said.append("There is no config.yaml: what was run is not known.")
    if run.state == "finished" and run.metrics is None:
        said.append("There is no metrics.csv: no learning curves (a run with logger=none keeps none).")
    if run.state == "finished" and run.signal is None:
        said.append("There is no signal.csv: no pictures of the layers (a run with callbacks=none keeps none).")
    return said
