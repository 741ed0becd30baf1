"""A transformer that reads an image row by row."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from initlab.checks.rules import check
from initlab.errors import UserError
from initlab.models.module import Classifier

HEADS = 4


class Transformer(Classifier):
    """Of torch's layers: each row of a square, grey image is a token of `width` numbers with a learned position;
    `depth` encoder layers (Vaswani et al. 2017) of 4 heads and 2 width hidden units, GELU, no dropout; the mean over
    the rows and a dense layer.

    Args:
        norm_first: normalise what goes into each branch (pre-LN, with one more normalisation at the end), not what
            comes out of the sum (post-LN); Xiong et al. 2020.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        depth: int = 2,
        width: int = 32,
        norm_first: bool = True,
        **fitting: Any,
    ) -> None:
        super().__init__(**fitting)
        for name in ("depth", "width", "norm_first"):
            check(f"model.{name}", locals()[name])
        self.side = math.isqrt(num_inputs)
        if self.side**2 != num_inputs:
            raise UserError(f"model=transformer: its images are square, and {num_inputs} numbers are none")
        if width % HEADS:
            raise UserError(f"model.width={width}: must be a multiple of {HEADS}, one part for each head")
        self.save_hyperparameters("num_inputs", "num_outputs", "depth", "width", "norm_first", logger=False)
        self.embed = nn.Linear(self.side, width)
        self.position = nn.Parameter(0.02 * torch.randn(self.side, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, HEADS, 2 * width, 0.0, "gelu", batch_first=True, norm_first=norm_first)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width) if norm_first else nn.Identity()
        self.readout = nn.Linear(width, num_outputs)

    def forward(self, X: Tensor) -> Tensor:
        """[batch, ...] of side x side numbers to logits [batch, outputs]."""
        x = self.embed(X.reshape(len(X), self.side, self.side)) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.readout(self.norm(x).mean(1))

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(y_hat, y)
