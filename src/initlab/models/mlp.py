"""The multilayer perceptron (d2l 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import Module

from initlab.checks.rules import check
from initlab.models.dense_chain import dense_chain, one_after_the_other, through
from initlab.models.module import Classifier


class MLP(Classifier):
    """Dense layers with an activation phi between them: h_l = phi(h_{l-1} W_l^T + b_l), logits from the last.

    Args:
        num_hiddens: units of each hidden layer; None: `depth` layers of `width` units.
        activation: a name in `initlab.nn.ACTIVATIONS`.
        layers: "scratch" takes `initlab.nn`, "torch" torch's own layers and loss. The names of the parameters are
            the same, so weights move from one to the other by `load_state_dict`.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        num_hiddens: Sequence[int] | None = None,
        depth: int = 1,
        width: int = 256,
        activation: str = "relu",
        bias: bool = True,
        layers: str = "scratch",
        **fitting: Any,
    ) -> None:
        super().__init__(**fitting)
        for name in ("num_hiddens", "depth", "width", "activation", "layers"):
            check(f"model.{name}", locals()[name])
        num_hiddens = [width] * depth if num_hiddens is None else list(num_hiddens)
        self.save_hyperparameters(
            "num_inputs", "num_outputs", "num_hiddens", "activation", "bias", "layers", logger=False
        )
        self.activation = activation
        self.layers, self.phi = dense_chain(
            [num_inputs, *num_hiddens, num_outputs], activation, bias=bias, layers=layers
        )

    def forward(self, X: Tensor) -> Tensor:
        """[batch, ...inputs] to logits [batch, outputs]."""
        return through(X, self.layers, self.phi)

    def chain(self) -> list[Module]:
        return one_after_the_other(self.layers, self.phi)
