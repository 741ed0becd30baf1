"""The forecast at the start of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from initlab.console import CONSOLE
from initlab.errors import UserError
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.report import one_line
from initlab.runs.atomic import whole_file


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
    with whole_file(folder / "forecast.json") as file:
        file.write(json.dumps(_finite(found.record()), indent=1, allow_nan=False).encode() + b"\n")


def _finite(value: Any) -> Any:
    """nan and inf, which JSON does not know, as null."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
