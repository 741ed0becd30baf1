"""The multilayer perceptron whose output is a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import Module

from initlab.checks.rules import check
from initlab.models.dense_chain import dense_chain, one_after_the_other, through
from initlab.models.module import Regressor
from initlab.nn import Activation, activation_function


class MLPRegression(Regressor):
    """Dense layers with an activation between them, as `MLP`, and squared error: y_hat = psi(W_L h_{L-1} + b_L).

    Args:
        num_hiddens: units of each hidden layer; None: `depth` layers of `width` units.
        activation: phi, a name in `initlab.nn.ACTIVATIONS`.
        output_activation: psi, another; a sigmoid answers between 0 and 1, and `acc` is then reported too: the share of
            examples whose outputs are all on the side of 0.5 that their targets are on.
        loss, layers: as in `LinearRegression`.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int = 1,
        *,
        num_hiddens: Sequence[int] | None = None,
        depth: int = 1,
        width: int = 256,
        activation: str = "relu",
        output_activation: str = "identity",
        bias: bool = True,
        loss: str = "half_squared_error",
        layers: str = "scratch",
        **fitting: Any,
    ) -> None:
        super().__init__(**fitting)
        for name in ("num_hiddens", "depth", "width", "activation", "output_activation", "loss", "layers"):
            check(f"model.{name}", locals()[name])
        num_hiddens = [width] * depth if num_hiddens is None else list(num_hiddens)
        self.save_hyperparameters(
            "num_inputs", "num_outputs", "num_hiddens", "activation", "output_activation", "bias", "loss", "layers",
            logger=False,
        )  # fmt: skip
        self.activation = activation
        self.layers, self.phi = dense_chain(
            [num_inputs, *num_hiddens, num_outputs], activation, bias=bias, layers=layers
        )
        # No module: the monitor would take answers near 0 and 1, which are asked for, for a saturated layer.
        self._psi = activation_function(output_activation).value

    def forward(self, X: Tensor) -> Tensor:
        """[batch, ...inputs] to [batch, outputs]."""
        return self._psi(through(X, self.layers, self.phi))

    def chain(self) -> list[Module]:
        return [*one_after_the_other(self.layers, self.phi), Activation(self.hparams["output_activation"])]

    def figures(self, y_hat: Tensor, y: Tensor) -> dict[str, Tensor]:
        if "acc" not in self.metrics:
            return {}
        return {"acc": ((y_hat > 0.5) == (y > 0.5)).all(dim=1).sum()}

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "acc") if self.hparams["output_activation"] == "sigmoid" else ("loss",)
