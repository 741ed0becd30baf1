"""The forecast of a run, from its config alone."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from initlab.errors import UserError
from initlab.limits import kind_of
from initlab.theory.forecast import Forecast, forecast
from initlab.theory.inputs import FASHION_MNIST, FASHION_MNIST_RAW, STANDARD_NORMAL, Inputs

NO_HIDDEN = ("initlab.models.LinearRegression", "initlab.models.SoftmaxRegression")


def forecast_run(cfg: DictConfig, **instead: Any) -> Forecast:
    """What `cfg` would train; `instead` replaces arguments of `forecast`, such as `scheme` or `activation`.

    Raises:
        UserError: for a model or data of your own, which `initlab.theory.forecast` can be told about from Python.
    """
    from hydra.utils import instantiate

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    model, data = plain["model"], plain["data"]
    hidden: list[int] = []
    if model["_target_"] == "initlab.models.MLP":
        hidden = model["num_hiddens"] or [model["width"]] * model["depth"]
    elif model["_target_"] not in NO_HIDDEN:
        raise UserError(
            f"model={model['_target_']}: the forecast knows chains of dense layers, model=mlp; "
            "for one of your own call initlab.theory.forecast"
        )
    inputs, num_inputs, num_outputs = _data(data)
    asked: dict[str, Any] = {
        "activation": model.get("activation", "identity"),
        "widths": [num_inputs, *hidden, num_outputs],
        "inputs": inputs,
        "batch": data["batch_size"],
        "bias": model.get("bias", True),
        "kind": kind_of(plain["optimizer"]["_target_"].rsplit(".", 1)[-1]),
    }
    if "scheme" not in instead:
        asked["scheme"] = instantiate(cfg.init, _convert_="all")
    return forecast(**(asked | instead))


def _data(data: dict[str, Any]) -> tuple[Inputs, int, int]:
    """Moments, inputs, outputs."""
    if data["_target_"] == "initlab.data.FashionMNIST":
        height, width = data["resize"]
        return (FASHION_MNIST if data["normalize"] else FASHION_MNIST_RAW), height * width, 10
    if data["_target_"] == "initlab.data.SyntheticRegression":
        return STANDARD_NORMAL, len(data["w"]), 1
    raise UserError(
        f"data={data['_target_']}: the size of these inputs is not known; "
        "call initlab.theory.forecast with inputs=initlab.theory.inputs_of(X)"
    )
