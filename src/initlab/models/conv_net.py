"""A stack of convolutions, plain or residual, with or without batch normalisation."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.models.module import Classifier
from initlab.nn import Activation


class ConvNet(Classifier):
    """Of torch's layers: `depth` 3 x 3 convolutions, the first of stride 2, each followed by a normalisation, where
    there is one, and the activation; means over a 2 x 2 grid, and a dense layer. Images are square and grey.

    Args:
        residual: every convolution but the first adds to what went in (He et al. 2016): x + scale * phi(norm(conv(x))).
        branch_scale: that scale.
        norm: "none" or "batch".
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        depth: int = 4,
        channels: int = 16,
        activation: str = "relu",
        norm: str = "none",
        residual: bool = False,
        branch_scale: float = 1.0,
        **fitting: Any,
    ) -> None:
        super().__init__(**fitting)
        for name in ("depth", "channels", "activation", "norm", "residual", "branch_scale"):
            check(f"model.{name}", locals()[name])
        self.side = math.isqrt(num_inputs)
        if self.side**2 != num_inputs:
            raise UserError(f"model=conv: its images are square, and {num_inputs} numbers are none")
        self.save_hyperparameters(
            "num_inputs", "num_outputs", "depth", "channels", "activation", "norm", "residual", "branch_scale",
            logger=False,
        )  # fmt: skip
        self.activation = activation
        self.residual, self.branch_scale = residual, branch_scale
        first = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        rest = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth - 1)]
        self.layers = nn.ModuleList([first, *rest])
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity() for _ in range(depth))
        self.phi = nn.ModuleList(Activation(activation) for _ in range(depth))
        self.readout = nn.Linear(4 * channels, num_outputs)

    def forward(self, X: Tensor) -> Tensor:
        """[batch, ...] of side x side numbers to logits [batch, outputs]."""
        x = X.reshape(len(X), 1, self.side, self.side)
        for n, (layer, norm, phi) in enumerate(zip(self.layers, self.norms, self.phi, strict=True)):
            h = phi(norm(layer(x)))
            x = x + self.branch_scale * h if self.residual and n else h
        return self.readout(nn.functional.adaptive_avg_pool2d(x, 2).flatten(1))

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(y_hat, y)
