"""One command that trains where a run does not: what was typed, with the fewest words changed, and its forecast."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from initlab.config import check_config
from initlab.console import say, say_command
from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.mend import MOST_THERE_ARE, changes, most_tried
from initlab.forecasting.rule import TRAINS
from initlab.invocation import command
from initlab.override import replaced

if TYPE_CHECKING:
    import lightning as L

MOST_ASKED = 8  # candidates composed, 0.1 s each


@dataclass(frozen=True)
class Remedy:
    """command: to be pasted into a shell, or of a run that no command made, what changes in its `compose(...)`; says:
    what the forecast predicts of it, in words."""

    command: str
    says: str

    def record(self) -> dict[str, str]:
        """As it stands in forecast.json."""
        return {"command": self.command, "forecast": self.says}

    def show(self) -> None:
        after = f"(forecast: {self.says})"
        if self.command.startswith("compose("):
            say(f"{self.command}  {after}", "fix")
        else:
            say_command(shlex.split(self.command), "fix", after)


def no_fix(depth: int) -> str:
    """That none was found for so many hidden layers."""
    if (tried := most_tried(depth)) < MOST_THERE_ARE:
        return f"none found: for {depth} hidden layers only the first {tried} of the changes are computed"
    return "none known: no change of init, activation, depth, optimizer or lr is predicted to train"


def typed_words() -> list[str] | None:
    """The overrides of the command that runs, those of Hydra's own keys aside; None without a command."""
    if not (HydraConfig.initialized() and GlobalHydra.instance().is_initialized()):
        return None
    words = [str(word) for word in HydraConfig.get().overrides.task]
    return [word for word in words if not re.match(r"[+~]*(forecast\.|run_dir=)", word)]


def remedy(
    cfg: DictConfig, found: Forecast, words: Sequence[str] | None, data: L.LightningDataModule | None = None
) -> Remedy | None:
    """For a run whose forecast `found` is not that it trains; None where no change is predicted to help.

    `words` made `cfg`. Each change is composed with them, checked, and forecast as its own run would be. Without them
    it is the words that change. data: that of `cfg`, which no change replaces.
    """
    for change in islice(changes(found), MOST_ASKED):
        overrides = tuple(_of_the_model(word, cfg, change.after) for word in change.overrides)
        if words is None:
            return Remedy(f"compose(..., {', '.join(map(repr, overrides))})", change.after.verdict.headline)
        every = replaced(words, overrides)
        with suppress(UserError, HydraException, OmegaConfBaseException, ArithmeticError):
            after = forecast_of(every, data)
            if after.verdict.word == TRAINS:
                return Remedy(shlex.join([*command("train"), *every]), after.verdict.headline)
    return None


def forecast_of(words: Sequence[str], data: L.LightningDataModule | None = None) -> Forecast:
    """Of the run that these words describe."""
    cfg = compose("train", overrides=[*words, "run_dir=a_run"])
    check_config(cfg)
    return forecast_run(cfg, data)


def _of_the_model(word: str, cfg: DictConfig, after: Forecast) -> str:
    """Where the hidden layers are listed, fewer of them are a shorter list."""
    listed = word.startswith("model.depth=") and cfg.model.get("num_hiddens")
    return f"model.num_hiddens=[{','.join(map(str, after.widths[1:-1]))}]" if listed else word
