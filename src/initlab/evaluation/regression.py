"""How far predictions, and the weights themselves, are from the truth."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def is_standardised(data: Any) -> bool:
    """Whether the target was shifted or scaled for the training."""
    aim = getattr(data, "aim", None)
    return aim is not None and (aim.shift, aim.scale) != (0, 1)


def in_own_units(data: Any, y: Tensor) -> Tensor:
    """Targets, or predictions of them, as the file has them."""
    return y.double() * data.aim.scale + data.aim.shift if is_standardised(data) else y


def spread(y: Tensor, y_hat: Tensor) -> dict[str, float]:
    """rmse: root of the mean squared error, in units of y; r2 = 1 - sum (y - y_hat)^2 / sum (y - mean y)^2, which does
    not exist where all y are the same, as of a single example."""
    y, y_hat = y.double(), y_hat.double()
    squares = ((y - y_hat) ** 2).sum()
    found = {"test/rmse": float((squares / y.numel()).sqrt())}
    if (y != y[:1]).any():
        found["test/r2"] = float(1 - squares / ((y - y.mean()) ** 2).sum())
    return found


def parameters_against_truth(model: Any, data: Any) -> list[dict[str, Any]]:
    """Each weight and the bias next to what the data were made with; empty where that is not known."""
    truth = getattr(data, "truth", None)
    if truth is None or not hasattr(model, "net"):
        return []
    w, b = truth
    learned = [*model.net.weight.detach().flatten().tolist(), 0.0 if model.net.bias is None else model.net.bias.item()]
    names = [*(f"w{i}" for i in range(len(w))), "b"]
    return [
        {"name": name, "true": true, "learned": found, "error": true - found}
        for name, true, found in zip(names, [*w.tolist(), b], learned, strict=True)
    ]
