"""The dense layer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Linear(nn.Module):
    """y_hat = X W^T + b, with W of shape [outputs, inputs] and b of shape [outputs].

    Several models at once: W [models, outputs, inputs], b [models, outputs] and X [models, batch, inputs], or
    [1, batch, inputs] where all have the same rows: then it is one product, X with the rows of all W.

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

    def forward(self, X: Float[Tensor, "*some batch inputs"]) -> Float[Tensor, "*models batch outputs"]:
        if self.weight.dim() == 3:
            return products(X, self.weight, self.bias)
        if self.bias is None:
            return X @ self.weight.T
        return torch.addmm(self.bias, X, self.weight.T)  # product and sum in one pass over the result

    def extra_repr(self) -> str:
        return f"num_inputs={self.num_inputs}, num_outputs={self.num_outputs}, bias={self.bias is not None}"


def products(X: Tensor, W: Tensor, b: Tensor | None, out: Tensor | None = None) -> Tensor:
    """Of several models, [models, batch, outputs]; `out`: memory for it, of shared rows [batch, models * outputs]."""
    if len(X) < len(W):
        rows = W.flatten(0, 1).T
        Y = torch.mm(X[0], rows, out=out) if b is None else torch.addmm(b.flatten(), X[0], rows, out=out)
        return Y.unflatten(1, W.shape[:2]).transpose(0, 1)
    return torch.bmm(X, W.mT, out=out) if b is None else torch.baddbmm(b.unsqueeze(1), X, W.mT, out=out)


def flat(X: Tensor, layer: nn.Module) -> Tensor:
    """[batch, ...] as the [batch, inputs] that this dense layer takes; of several models [models, batch, ...]."""
    return X.flatten(layer.weight.dim() - 1)  # type: ignore[operator]
