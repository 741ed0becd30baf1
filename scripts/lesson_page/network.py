"""A network in words: what it is made of, how it begins, how it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from initlab.checks.shipped_class import shipped_class
from initlab.forecasting import Forecast
from initlab.init import Scheme

TASKS = {
    "FashionMNIST": "Fashion-MNIST, ten classes",
    "SyntheticRegression": "a straight line and noise",
    "TruthTable": "XOR, four rows",
}
ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "identity": "linear"}


def described(cfg: DictConfig, forecast: Forecast | None, swept: Mapping[str, Any]) -> dict[str, str]:
    """`swept`: keys that the ask leaves open, and so are not said."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return {
        "network": _network(plain, forecast),
        "start": _start(plain, forecast),
        "training": _training(plain, swept),
    }


def _network(plain: dict[str, Any], forecast: Forecast | None) -> str:
    model, data = plain["model"], plain["data"]
    task = TASKS[shipped_class(data["_target_"]).rsplit(".", 1)[-1]]
    phi = ACTIVATIONS.get(model.get("activation", ""), model.get("activation", ""))
    if forecast is None and "norm_first" in model:
        where = "before each branch (pre-LN)" if model["norm_first"] else "behind each sum (post-LN)"
        return f"{model['depth']} encoder layers of a transformer, width {model['width']}, normalised {where}; {task}"
    if forecast is None:
        norm = ", batch normalisation behind each" if model["norm"] == "batch" else ", no normalisation"
        branches = f" in residual branches that are scaled by {model['branch_scale']:g}" if model["residual"] else ""
        return f"{model['depth']} convolutions of {model['channels']} channels{branches}, {phi}{norm}; {task}"
    inputs, *hidden, outputs = forecast.widths
    if not hidden:
        return f"linear regression, {inputs} weights and a bias; {task}"
    alike = len(set(hidden)) == 1
    layers = "one hidden layer" if len(hidden) == 1 else f"{len(hidden)} hidden layers"
    units = f"{layers} of {hidden[0]} {phi} units" if alike else f"{layers} of {hidden} {phi} units"
    return f"{inputs} inputs, {units}, {outputs} {'output' if outputs == 1 else 'outputs'}; {task}"


def _start(plain: dict[str, Any], forecast: Forecast | None) -> str:
    init = plain["init"]
    name = (
        str(forecast.scheme)
        if forecast
        else plain["init"]["_target_"].rsplit(".", 1)[-1].replace("TorchD", "torch d").lower()
    )
    gain = f", gain {init['gain']:g}" if not forecast and init.get("gain") is not None else ""
    sigma = f", sigma {init['sigma']:g}" if not forecast and "sigma" in init else ""
    raw = "" if plain["data"].get("normalize", True) else "; inputs from 0 to 1, not normalised"
    return f"{name}{gain}{sigma}{_std(forecast)}{raw}"


def _std(forecast: Forecast | None) -> str:
    """Of the weights between two hidden layers, where the scheme's name does not say it."""
    if (
        forecast is None
        or len(forecast.widths) < 4
        or str(forecast.scheme).startswith(("normal", "lsuv", "mean field"))
    ):
        return ""
    assert isinstance(forecast.scheme, Scheme)
    width = forecast.widths[1]
    std = forecast.scheme.weight_std(width, width, forecast.phi.gain)
    return f": std {std:.3g} between hidden layers"


def _training(plain: dict[str, Any], swept: Mapping[str, Any]) -> str:
    optimizer, trainer = plain["optimizer"], plain["trainer"]
    name = optimizer["_target_"].rsplit(".", 1)[-1]
    momentum = f", momentum {optimizer['momentum']:g}" if optimizer.get("momentum") else ""
    rate = "" if "lr" in swept else f", lr {optimizer['lr']:g}"
    limit, epochs = trainer.get("limit_train_batches", 1.0), trainer["max_epochs"]
    if isinstance(limit, int):
        long = "one update" if limit == 1 else f"{limit} updates"
    else:
        long = "one epoch" if epochs == 1 else f"{epochs} epochs"
    return f"{name}{rate}{momentum}, {long}, {plain['data'].get('batch_size', 4)} rows a batch"
