"""The forecast in the terminal."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.box import ROUNDED
from rich.table import Table

from initlab.console import CONSOLE
from initlab.theory.forecast import Forecast
from initlab.theory.from_config import forecast_run
from initlab.theory.rule import NOT, TRAINS, UNSURE

COLOURS = {TRAINS: "green", NOT: "red", UNSURE: "yellow"}


def report(cfg: DictConfig) -> None:
    """Print the forecast of the run that `cfg` describes."""
    found = forecast_run(cfg)
    CONSOLE.print(_table(found))
    colour = COLOURS.get(found.verdict.word, "white")
    CONSOLE.print(f"[bold {colour}]{found.verdict.word}[/]: {found.verdict.why}", highlight=False)


def _table(found: Forecast) -> Table:
    table = Table(box=ROUNDED)
    table.add_column("layer")
    for heading in ("std of the output", "2-sigma band", "similarity", "gradient, of the last"):
        table.add_column(heading, justify="right")
    for layer in found.layers:
        band = "unstable" if layer.low is None else f"{layer.low:.3g} ... {layer.high:.3g}"
        grad = "" if layer.grad is None else f"{layer.grad:.3g}"
        table.add_row(layer.name, f"{layer.std:.4g}", band, f"{layer.similarity:.3f}", grad)
    return table
