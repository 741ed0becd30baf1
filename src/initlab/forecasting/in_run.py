"""The forecast at the start of a run."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from initlab.console import say
from initlab.errors import UserError
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.remedy import remedy, typed_words
from initlab.forecasting.terminal import say_forecast, show_fix
from initlab.runs.atomic import write_json


def forecast_before(cfg: DictConfig, folder: Path) -> None:
    """Print it, with the command that is predicted to train where this one is not, and leave both in forecast.json,
    where the monitor and the page look for them; nothing for a model or data that the forecast does not know."""
    try:
        found = forecast_run(cfg)
    except UserError:
        return
    except ArithmeticError:  # no reason not to train
        say("none: its numbers leave the range of 64-bit floats", "forecast")
        return
    fix = remedy(cfg, found, typed_words())
    say_forecast(found)
    show_fix(fix, found)
    write_json(folder / "forecast.json", found.record() | {"fix": fix.record() if fix else None}, indent=1)
