"""The forecast at the start of a run."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from initlab.console import CONSOLE
from initlab.errors import UserError
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.terminal import one_line
from initlab.runs.atomic import write_json


def forecast_before(cfg: DictConfig, folder: Path) -> None:
    """Print it in one line, and leave it in forecast.json, where the monitor looks for it; nothing for a model or data
    that the forecast does not know."""
    try:
        found = forecast_run(cfg)
        line = one_line(found)
    except UserError:
        return
    except ArithmeticError:  # no reason not to train
        CONSOLE.print("forecast  none: its numbers leave the range of 64-bit floats", highlight=False)
        return
    CONSOLE.print(line, highlight=False, soft_wrap=True)
    write_json(folder / "forecast.json", found.record(), indent=1)
