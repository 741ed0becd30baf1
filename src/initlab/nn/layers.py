"""The dense layer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Linear(nn.Module):
    """y_hat = X W^T + b, with W of shape [outputs, inputs] and b of shape [outputs].

    Parameters carry the names and shapes of `torch.nn.Linear`, so either one loads the other's state dict. A
    fresh layer holds torch's own default draw, every number uniform in +-1 / sqrt(num_inputs), from torch's
    global generator: bit for bit `torch.nn.Linear` under the same seed. `initlab.init.initialize` draws again.
    """

    def __init__(self, num_inputs: int, num_outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.num_inputs = num_inputs
        self.num_outputs = num_outputs
        bound = num_inputs**-0.5
        self.weight = nn.Parameter(torch.empty(num_outputs, num_inputs).uniform_(-bound, bound))
        self.bias: nn.Parameter | None
        if bias:
            self.bias = nn.Parameter(torch.empty(num_outputs).uniform_(-bound, bound))
        else:
            self.register_parameter("bias", None)

    def forward(self, X: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        if self.bias is None:
            return X @ self.weight.T
        return torch.addmm(self.bias, X, self.weight.T)  # product and sum in one pass over the result

    def extra_repr(self) -> str:
        return f"num_inputs={self.num_inputs}, num_outputs={self.num_outputs}, bias={self.bias is not None}"
