"""Softmax regression (d2l 4.4)."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import Module

from initlab.checks.rules import check
from initlab.models.module import Classifier
from initlab.models.parts import PARTS
from initlab.nn import flat


class SoftmaxRegression(Classifier):
    """One dense layer from inputs to logits; the softmax is in the loss.

    Args:
        layers: "scratch" takes `initlab.nn`, "torch" torch's own layer and loss.
    """

    def __init__(
        self, num_inputs: int, num_outputs: int, *, bias: bool = True, layers: str = "scratch", **fitting: Any
    ) -> None:
        super().__init__(**fitting)
        check("model.layers", layers)
        self.save_hyperparameters("num_inputs", "num_outputs", "bias", "layers", logger=False)
        self.net = PARTS[layers].dense(num_inputs, num_outputs, bias=bias)

    def forward(self, X: Tensor) -> Tensor:
        """[batch, ...inputs] to logits [batch, outputs]."""
        return self.net(flat(X, self.net))

    def chain(self) -> list[Module]:
        return [self.net]
