"""The forecast at the start of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from initlab.console import say
from initlab.errors import UserError, reason
from initlab.forecasting.answer import COLOURS
from initlab.forecasting.convex import SHARE, loss_of_the_mean
from initlab.forecasting.from_config import forecast_run, is_known
from initlab.forecasting.remedy import remedy
from initlab.forecasting.terminal import show_fix
from initlab.runs.atomic import write_json

if TYPE_CHECKING:
    import lightning as L


def forecast_before(
    cfg: DictConfig,
    folder: Path,
    words: Sequence[str] | None,
    data: L.LightningDataModule | None = None,
    *,
    fix: bool = True,
) -> None:
    """Print it, with the command that is predicted to train where this one is not, and leave both in forecast.json,
    where the monitor and the page look for them; nothing for a model that the forecast does not know.

    words: that made `cfg`; None: they are not known.
    data: that of `cfg`, where it is at hand.
    fix: whether to search for that command, which takes up to a second.
    """
    try:
        found = forecast_run(cfg, data)
        say(found.verdict.says, "forecast", COLOURS[found.verdict.word])
        record = found.record()
        if data is not None and found.loss in SHARE:
            record["guess"] = loss_of_the_mean(found.loss, data.splits.train[1])
        if fix:
            command = remedy(cfg, found, words, data)
            show_fix(command, found)
            record["fix"] = command.record() if command else None
    except UserError as error:
        if is_known(cfg):
            say(f"none: {error}", "forecast")
        return
    except ArithmeticError:  # no reason not to train
        say("none: its numbers leave the range of 64-bit floats", "forecast")
        return
    except Exception as error:
        say(f"none: an error of its own, {reason(error, whole=True)}", "forecast")
        return
    write_json(folder / "forecast.json", record, indent=1)
