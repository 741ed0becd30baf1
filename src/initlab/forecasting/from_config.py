"""The forecast of a run, from its config alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from initlab.checks.shipped_class import learning_rate, optimizer_kind, shipped_class, with_defaults
from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.on_paper import forecast
from initlab.forecasting.rates import STEPS, Rate
from initlab.theory.inputs import FASHION_MNIST, FASHION_MNIST_RAW, Inputs, inputs_of, standard_normal

if TYPE_CHECKING:
    import lightning as L

CHAINS = ("initlab.models.MLP", "initlab.models.MLPRegression")
NO_HIDDEN = ("initlab.models.LinearRegression", "initlab.models.SoftmaxRegression")
CLASSIFIERS = ("initlab.models.MLP", "initlab.models.SoftmaxRegression")
JUDGED = {  # optimisers whose learning rate the forecast judges, and what it knows of their keys
    "initlab.nn.SGD": {"lr", "momentum", "weight_decay", "l1"},
    "torch.optim.SGD": {"lr", "momentum", "weight_decay"},
    "torch.optim.Adam": {"lr", "betas", "weight_decay"},
    "torch.optim.AdamW": {"lr", "betas", "weight_decay"},
}
DECAYED = 0.1  # share that weight decay takes from a weight in the steps of the record, from which it counts
MADE = ("initlab.data.FashionMNIST", "initlab.data.SyntheticRegression")
READ = ("initlab.data.CSVTable", "initlab.data.TruthTable")


def is_known(cfg: DictConfig) -> bool:
    """Whether the model is one that theory can forecast; any other has to be measured."""
    return shipped_class(cfg.model._target_) in (*CHAINS, *NO_HIDDEN)


def read_data(cfg: DictConfig) -> L.LightningDataModule | None:
    """The data whose moments are found by reading them, for several forecasts; None where the moments are known."""
    from initlab.build import build

    return build(cfg, "data") if shipped_class(cfg.data._target_) in READ else None


def forecast_run(cfg: DictConfig, data: L.LightningDataModule | None = None, **instead: Any) -> Forecast:
    """What `cfg` would train; `instead` replaces arguments of `forecast`, such as `scheme` or `activation`.

    data: that of `cfg`, where it is at hand, so that a file is not read again.

    Raises:
        UserError: for a model or data of your own, which `initlab.forecast` can be told about from Python.
    """
    from hydra.utils import instantiate

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    model = plain["model"]
    hidden: list[int] = []
    kind = shipped_class(model["_target_"])
    if kind in (*CHAINS, *NO_HIDDEN):
        model = with_defaults(model)
    if kind in CHAINS:
        hidden = model["num_hiddens"] or [model["width"]] * model["depth"]
    elif kind not in NO_HIDDEN:
        raise UserError(
            f"model={model['_target_']}: the forecast knows chains of dense layers, model=mlp or mlp_regression, "
            "and classes that derive from theirs; "
            "for one of your own call initlab.forecast"
        )
    inputs, num_inputs, num_outputs, batch, steps_per_epoch = _data(cfg, plain["data"], data)
    loss = "cross_entropy" if kind in CLASSIFIERS else model["loss"]
    judged = loss == "cross_entropy" or not hidden  # the record has no regression with hidden layers
    asked: dict[str, Any] = {
        "activation": model.get("activation", "identity"),
        "widths": [num_inputs, *hidden, num_outputs],
        "inputs": inputs,
        "batch": batch,
        "bias": model.get("bias", True),
        "loss": loss,
        "rate": rate_of(plain, steps_per_epoch) if judged else None,
        "kind": optimizer_kind(plain["optimizer"]["_target_"]),
    }
    if "scheme" not in instead:
        asked["scheme"] = instantiate(cfg.init, _convert_="all")
    return forecast(**(asked | instead))


def rate_of(plain: dict[str, Any], steps_per_epoch: int) -> Rate | None:
    """Of the config as plain values; None where it is not one number, or the record has nothing like it: another
    optimiser, a schedule, clipping, much weight decay."""
    optimizer, trainer = plain["optimizer"], plain["trainer"]
    keys = {key for key, value in optimizer.items() if value} - {"_target_", "_partial_"}
    unlike = not keys <= JUDGED.get(optimizer["_target_"], set()) | {"lr"} or optimizer["_target_"] not in JUDGED
    if unlike or plain.get("scheduler") or trainer.get("gradient_clip_val") or optimizer.get("l1"):
        return None
    lr, momentum = learning_rate(optimizer), optimizer.get("momentum") or 0.0
    if (
        lr is None
        or lr * (optimizer.get("weight_decay") or 0.0) * STEPS > DECAYED
        or optimizer.get("betas", [0.9])[0] != 0.9
    ):
        return None
    return Rate(lr, momentum, _steps(trainer, steps_per_epoch))


def _steps(trainer: dict[str, Any], steps_per_epoch: int) -> float:
    """Updates that the run is to make."""
    limit = trainer.get("limit_train_batches", 1.0)
    per_epoch = min(limit, steps_per_epoch) if isinstance(limit, int) else limit * steps_per_epoch
    epochs, most = trainer.get("max_epochs") or -1, trainer.get("max_steps") or -1
    steps = math.inf if epochs < 0 else epochs * per_epoch / (trainer.get("accumulate_grad_batches") or 1)
    return min(steps, most) if most > 0 else steps


def _data(
    cfg: DictConfig, data: dict[str, Any], built: L.LightningDataModule | None
) -> tuple[Inputs, int, int, int, int]:
    """Moments, inputs, outputs, rows of a batch, batches of an epoch."""
    kind = shipped_class(data["_target_"])
    if kind in (*MADE, *READ):
        data = with_defaults(data)
    batch = data.get("batch_size", 1)
    if kind == "initlab.data.FashionMNIST":
        height, width = data["resize"]
        batches = math.ceil((60_000 - data["num_val"]) / batch)
        return (FASHION_MNIST if data["normalize"] else FASHION_MNIST_RAW), height * width, 10, batch, batches
    if kind == "initlab.data.SyntheticRegression":
        return standard_normal(len(data["w"])), len(data["w"]), 1, batch, math.ceil(data["num_train"] / batch)
    if kind in READ:
        return _read(built or read_data(cfg), data)
    raise UserError(
        f"data={data['_target_']}: the size of these inputs is not known; "
        "call initlab.forecast with inputs=initlab.theory.inputs_of(X)"
    )


def _read(built: Any, data: dict[str, Any]) -> tuple[Inputs, int, int, int, int]:
    """The same of a small data set, which is read: the moments of its training rows."""
    X = built.splits.train[0].double().numpy()
    if len(X) < 2 or not X.any():
        raise UserError(f"data={data['_target_']}: a forecast needs two training rows that are not all 0")
    number = "one number each" if built.num_inputs == 1 else f"{built.num_inputs} numbers each"
    inputs = replace(inputs_of(X), source=f"{len(X):,} training rows, {number}")
    batch = min(built.batch_size, len(X))
    batches = data.get("steps_per_epoch") or math.ceil(len(X) / batch)
    return inputs, built.num_inputs, built.num_outputs, batch, batches
