"""The parts a model is built from: ours, or torch's own for comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from initlab import nn


class Parts(NamedTuple):
    dense: Callable[..., torch.nn.Module]  # (num_inputs, num_outputs, bias=)
    phi: Callable[[str], torch.nn.Module]  # (name of the activation)
    cross_entropy: Callable[[Tensor, Tensor], Tensor]
    squared_error: Callable[[Tensor, Tensor], Tensor]


PARTS = {
    "scratch": Parts(nn.Linear, nn.Activation, nn.cross_entropy, nn.squared_error),
    "torch": Parts(
        torch.nn.Linear,
        lambda name: nn.activation_function(name).torch_module(),
        torch.nn.functional.cross_entropy,
        torch.nn.functional.mse_loss,
    ),
}
