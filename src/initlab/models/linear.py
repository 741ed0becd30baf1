"""Linear regression (d2l 3.4)."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import Module

from initlab.checks.rules import check
from initlab.models.module import Regressor
from initlab.models.parts import PARTS

MOST_ERRORS = 10  # weights whose errors have a column each in metrics.csv and a chart in TensorBoard


class LinearRegression(Regressor):
    """y_hat = X w + b.

    Args:
        loss: "half_squared_error", d2l's mean of (y_hat - y)^2 / 2, or "squared_error" without the half, whose
            gradient, and so every step, is twice as long.
        layers: "scratch" takes `initlab.nn`, "torch" torch's own layer and loss.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int = 1,
        *,
        bias: bool = True,
        loss: str = "half_squared_error",
        layers: str = "scratch",
        **fitting: Any,
    ) -> None:
        super().__init__(**fitting)
        check("model.loss", loss)
        check("model.layers", layers)
        self.save_hyperparameters("num_inputs", "num_outputs", "bias", "loss", "layers", logger=False)
        self.net = PARTS[layers].dense(num_inputs, num_outputs, bias=bias)

    def forward(self, X: Tensor) -> Tensor:
        """[batch, inputs] to [batch, outputs]."""
        return self.net(X)

    def chain(self) -> list[Module]:
        return [self.net]

    def epoch_figures(self) -> dict[str, float]:
        """How far the learned w and b are from the truth, where the data know it: truth minus learned, and the
        Euclidean distance of both together; of more than ten weights the distance alone, and b."""
        truth = getattr(getattr(self.trainer, "datamodule", None), "truth", None)
        if truth is None:
            return {}
        w, b = truth
        learned = {name: p.detach().cpu().flatten() for name, p in self.net.named_parameters()}
        errors = {f"error/w{i}": e for i, e in enumerate((w - learned["weight"]).tolist())}
        errors["error/b"] = b - (learned["bias"].item() if "bias" in learned else 0.0)
        distance = {"error/distance": sum(e * e for e in errors.values()) ** 0.5}
        return (errors if len(errors) <= MOST_ERRORS + 1 else {"error/b": errors["error/b"]}) | distance
