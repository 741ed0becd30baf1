"""The forecast of a run, from its config alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from initlab.errors import UserError
from initlab.limits import kind_of
from initlab.theory.forecast import Forecast, forecast
from initlab.theory.inputs import FASHION_MNIST, FASHION_MNIST_RAW, STANDARD_NORMAL, Inputs, inputs_of

CHAINS = ("initlab.models.MLP", "initlab.models.MLPRegression")
NO_HIDDEN = ("initlab.models.LinearRegression", "initlab.models.SoftmaxRegression")
READ = ("initlab.data.CSVTable", "initlab.data.TruthTable")


def forecast_run(cfg: DictConfig, **instead: Any) -> Forecast:
    """What `cfg` would train; `instead` replaces arguments of `forecast`, such as `scheme` or `activation`.

    Raises:
        UserError: for a model or data of your own, which `initlab.theory.forecast` can be told about from Python.
    """
    from hydra.utils import instantiate

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    model, data = plain["model"], plain["data"]
    hidden: list[int] = []
    if model["_target_"] in CHAINS:
        hidden = model["num_hiddens"] or [model["width"]] * model["depth"]
    elif model["_target_"] not in NO_HIDDEN:
        raise UserError(
            f"model={model['_target_']}: the forecast knows chains of dense layers, model=mlp or mlp_regression; "
            "for one of your own call initlab.theory.forecast"
        )
    inputs, num_inputs, num_outputs, batch = _data(cfg, data)
    asked: dict[str, Any] = {
        "activation": model.get("activation", "identity"),
        "widths": [num_inputs, *hidden, num_outputs],
        "inputs": inputs,
        "batch": batch,
        "bias": model.get("bias", True),
        "kind": kind_of(plain["optimizer"]["_target_"].rsplit(".", 1)[-1]),
    }
    if "scheme" not in instead:
        asked["scheme"] = instantiate(cfg.init, _convert_="all")
    return forecast(**(asked | instead))


def _data(cfg: DictConfig, data: dict[str, Any]) -> tuple[Inputs, int, int, int]:
    """Moments, inputs, outputs, rows of a batch."""
    if data["_target_"] == "initlab.data.FashionMNIST":
        height, width = data["resize"]
        return (FASHION_MNIST if data["normalize"] else FASHION_MNIST_RAW), height * width, 10, data["batch_size"]
    if data["_target_"] == "initlab.data.SyntheticRegression":
        return STANDARD_NORMAL, len(data["w"]), 1, data["batch_size"]
    if data["_target_"] in READ:
        from initlab.build import build

        return _read(build(cfg, "data"), data["_target_"])
    raise UserError(
        f"data={data['_target_']}: the size of these inputs is not known; "
        "call initlab.theory.forecast with inputs=initlab.theory.inputs_of(X)"
    )


def _read(data: Any, name: str) -> tuple[Inputs, int, int, int]:
    """The same of a small data set, which is read: the moments of its training rows."""
    X = data.splits.train[0].double().numpy()
    if len(X) < 2 or not X.any():
        raise UserError(f"data={name}: a forecast needs two training rows that are not all 0")
    inputs = replace(inputs_of(X), source=f"{len(X):,} training rows, {data.num_inputs} numbers each")
    return inputs, data.num_inputs, data.num_outputs, min(data.batch_size, len(X))
