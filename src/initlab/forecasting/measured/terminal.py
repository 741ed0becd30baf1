"""The forecast of a model of the user's in the terminal: `model._target_=torchvision.models.resnet18`."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from initlab.build import build
from initlab.checks.arguments import signature_of
from initlab.checks.shipped_class import imported_for, learning_rate, optimizer_kind
from initlab.console import say
from initlab.errors import UserError
from initlab.forecasting.answer import show
from initlab.forecasting.measured.network import LEGEND, NetworkForecast, forecast_module
from initlab.forecasting.remedy import typed_words
from initlab.forecasting.rule import NOT, UNSURE

ROWS = 32  # of the batch: 8 draws of resnet18 take about a second
DRAWS = 8
NO_FIX = "none found: no other weights, no scaled branches, no normalisation that was tried makes it train"


def report_network(cfg: DictConfig) -> None:
    """Print what a batch of the data makes of the model, the verdict, and what was found to mend it."""
    if cfg.forecast.rank:
        raise UserError(f"model={cfg.model._target_}: a ranking is of model=mlp; leave out init=all and activation=all")
    found, said = forecast_network(cfg, cfg.forecast.measure or DRAWS)
    for sentence in said:
        say(sentence, style="bold" if sentence is said[0] else "")
    show_network(found)


def forecast_network(cfg: DictConfig, draws: int = DRAWS, *, fix: bool = True) -> tuple[NetworkForecast, list[str]]:
    """Of the model of a config, on a batch of its data; and what is to be said of how it was measured."""
    made_by(cfg)
    torch.manual_seed(cfg.seed)
    data = build(cfg, "data")
    data.prepare_data()
    module = build_module(cfg, data)
    batch, said = batch_of(module, data)
    scheme = build(cfg, "init") if _typed("init") or isinstance(module, L.LightningModule) else None
    built = count()

    def build_again(one: nn.Module) -> None:
        if next(built) > 0:
            one.load_state_dict(build_module(cfg, data).state_dict())

    found = forecast_module(
        module,
        batch,
        draws=draws,
        redraw=scheme or build_again,
        optimizer=optimizer_kind(cfg.optimizer._target_),
        lr=learning_rate(cfg.optimizer) if _typed("lr") or "lr" in _typed("optimizer") else None,
        seed=cfg.seed,
        fix=fix,
    )
    init = f"init {scheme}" if scheme else "its own initialisation (init= draws another)"
    size = sum(p.numel() for p in module.parameters())
    plural = "s" if found.measurement.draws > 1 else ""
    return found, [
        f"{type(module).__name__}, {size:,} parameters, {init}, {found.kind.upper()}",
        f"measured on {found.measurement.rows} rows of {cfg.data._target_}, {found.measurement.draws} draw{plural}",
        *said,
    ]


def show_network(found: NetworkForecast) -> None:
    show(found.columns(), LEGEND, [sentence for sentence in found.sentences() if sentence not in found.details()])
    if found.fix is not None:
        say(str(found.fix), "fix", "bold")
    elif found.verdict.word in (NOT, UNSURE):
        say(NO_FIX, "fix")


def build_module(cfg: DictConfig, data: Any) -> nn.Module:
    """Of the keys in `model` those that were typed, or that the class or function has an argument for; the others are
    of the option that `model._target_` stands in."""
    made, node = made_by(cfg), OmegaConf.to_container(cfg.model, resolve=True)
    assert isinstance(node, dict)
    known = signature_of(made)
    names = set(known.parameters) if known else set()
    typed = _typed("model")
    kept = {str(key): value for key, value in node.items() if key in names or key in typed or str(key)[0] == "_"}
    shared = names & {"num_inputs", "num_outputs"} - kept.keys()
    given = {key: getattr(data, key) for key in shared if hasattr(data, key)}
    given |= {group: build(cfg, group) for group in names & {"optimizer", "scheduler"} - kept.keys()}
    module = build(OmegaConf.create({"model": kept}), "model", **given)
    if not isinstance(module, nn.Module):
        raise UserError(
            f"model._target_={cfg.model._target_}: it made a {type(module).__name__}; it must make an nn.Module"
        )
    return module


def made_by(cfg: DictConfig) -> Any:
    """The class or function of the model."""
    target = cfg.model._target_
    made = imported_for("model", target)
    if not callable(made):
        raise UserError(f"model._target_={target}: must be a class or a function that makes an nn.Module")
    return made


def _typed(group: str) -> set[str]:
    """The keys of a group that were typed; "" for the group itself, as in init=xavier."""
    found = (re.match(rf"\+*{group}(?:\.(\w+))?[=.]", word) for word in typed_words() or [])
    return {match.group(1) or "" for match in found if match}


def batch_of(module: nn.Module, data: Any) -> tuple[Any, list[str]]:
    """The first rows of a training batch, in the shape that the first layer takes; and what was done to them."""
    batch = next(iter(data.train_dataloader()))
    if not (isinstance(batch, (tuple, list)) and all(isinstance(part, Tensor) for part in batch)):
        return batch, []
    X, *rest = (part[:ROWS] for part in batch)
    first = next((m for m in module.modules() if hasattr(m, "in_channels") or hasattr(m, "in_features")), None)
    said = []
    channels, features = getattr(first, "in_channels", None), getattr(first, "in_features", None)
    if X.dim() == 4 and X.shape[1] == 1 and isinstance(channels, int) and channels > 1:
        X = X.expand(-1, channels, -1, -1)
        said = [f"each grey image is given as {channels} equal channels, as the first layer takes so many"]
    elif X.dim() > 2 and features == X[0].numel():
        X = X.flatten(1)
        said = [f"each row is given as {features} numbers, as the first layer takes so many"]
    return (X, *rest), said
