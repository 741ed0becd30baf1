"""Every initialisation with every activation, for one network."""

from __future__ import annotations

from typing import Any

from hydra import compose
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from initlab.checks.rules import ACTIVATION_NAMES
from initlab.error_sentence import sentence_for
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.from_config import forecast_run, read_data
from initlab.forecasting.rule import NOT, TRAINS, UNSURE
from initlab.init import Scheme
from initlab.shipped import CONFIGS

ORDER = (TRAINS, UNSURE, NOT)


def rank(cfg: DictConfig) -> dict[str, dict[str, Forecast | str]]:
    """By option of the group init, best first, and by activation: the forecast, or why there is none. With
    `cfg.forecast.rank` "init" or "activation" the other of the two stays as it was chosen."""
    options, activations = _options(), list(ACTIVATION_NAMES)
    if cfg.forecast.rank == "activation":
        options = _chosen(cfg, options)
    if cfg.forecast.rank == "init":
        activations = [cfg.model.get("activation", "identity")]
    data = read_data(cfg)
    table: dict[str, dict[str, Forecast | str]] = {}
    for name, node in options.items():
        row: dict[str, Forecast | str] = {}
        for activation in activations:
            try:
                row[activation] = forecast_run(cfg, data, scheme=_scheme(node, activation), activation=activation)
            except Exception as error:
                if sentence_for(error) is None:
                    raise
                row[activation] = str(sentence_for(error))
        table[name] = row
    return dict(sorted(table.items(), key=lambda item: badness(item[1])))


def _scheme(node: dict[str, Any], activation: str) -> Scheme:
    return instantiate(node | ({"activation": activation} if "activation" in node else {}))


def _options() -> dict[str, dict[str, Any]]:
    """The files of configs/init that draw; of files that say the same (kaiming, kaiming_normal) the first."""
    names = sorted(path.stem for path in (CONFIGS / "init").glob("*.yaml") if path.stem != "given")
    every: Any = OmegaConf.to_container(compose(overrides=[f"+init@{name}={name}" for name in names]), resolve=True)
    found: dict[str, dict[str, Any]] = {}
    for name, node in every.items():
        if node not in found.values():
            found[name] = node
    return found


def _chosen(cfg: DictConfig, options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The option that was chosen, by its name where it is as it stands in its file."""
    node: Any = OmegaConf.to_container(cfg.init, resolve=True)
    for name, option in options.items():
        if node | {"activation": ""} == option | {"activation": ""}:
            return {name: option}
    return {str(instantiate(node)): node}


def badness(row: dict[str, Forecast | str]) -> tuple[float, ...]:
    """Few that train with a suitable learning rate, few with the given one, then far from an even gradient."""
    words = [cell.verdict.word for cell in row.values() if isinstance(cell, Forecast)]
    far = [min(abs(cell.decades), 99.0) for cell in row.values() if isinstance(cell, Forecast) and cell.layers]
    other = sum(cell.verdict.other is not None for cell in row.values() if isinstance(cell, Forecast))
    trains = words.count(TRAINS)
    return (-trains - other, -trains, *(-words.count(word) for word in ORDER), sum(far))
