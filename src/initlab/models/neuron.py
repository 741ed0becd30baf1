"""A single neuron, as many first courses write it in NumPy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.models.module import Regressor
from initlab.nn import ACTIVATIONS, Linear, half_squared_error

TANH = ACTIVATIONS["tanh"]


class Neuron(Regressor):
    """y_hat = tanh(X w), without a bias, and the mean of (y_hat - y)^2 / 2.

    A step of `lr` on n rows is w += lr / n X^T ((y - y_hat) phi'), so lr = n is the update of those courses.

    Args:
        derivative: phi' of that update. "correct": tanh' at X w, 1 - y_hat^2. "published": tanh' at y_hat, the output,
            1 - tanh(y_hat)^2, a slip that is copied from course to course. It stays above 1 - tanh(1)^2 = 0.42, so the
            neuron never saturates and continues to learn where the true gradient has all but gone.
    """

    activation = "tanh"

    def __init__(self, num_inputs: int, num_outputs: int = 1, *, derivative: str = "correct", **fitting: Any) -> None:
        super().__init__(**fitting)
        check("model.derivative", derivative)
        if num_outputs != 1:
            raise UserError(f"model=neuron: it has one output, the data have {num_outputs}; take model=mlp_regression")
        self.save_hyperparameters("num_inputs", "num_outputs", "derivative", logger=False)
        self.net = Linear(num_inputs, num_outputs, bias=False)

    def forward(self, X: Tensor) -> Tensor:
        """[batch, inputs] to [batch, 1]."""
        z = self.net(X)
        return torch.tanh(z) if self.hparams["derivative"] == "correct" else _TanhAsPublished.apply(z)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        return half_squared_error(y_hat, y)

    def epoch_figures(self) -> dict[str, float]:
        """The weights, and the answer to the row that the data ask about, if they do."""
        w = self.net.weight.detach()
        found = {f"weight/w{i}": value for i, value in enumerate(w.flatten().tolist())}
        ask = getattr(getattr(self.trainer, "datamodule", None), "ask", None)
        return found if ask is None else found | {"answer": TANH.value(ask.to(w) @ w.T).item()}


class _TanhAsPublished(torch.autograd.Function):
    """tanh forwards; backwards its derivative at the output, where the input belongs."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        y_hat = TANH.value(z)
        ctx.save_for_backward(y_hat)
        return y_hat

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (y_hat,) = ctx.saved_tensors
        return gradients[0] * TANH.derivative(y_hat)
