"""Losses, each one number: the mean over the batch. Of several models, [models, batch, ...], each its own."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def _shifted(X: Tensor) -> Tensor:
    """Every row minus its maximum: exp is then at most 1, and 1 once, so its sum is neither inf nor 0.

    A shift changes no softmax, so the maximum counts as a constant and costs nothing backward.
    """
    return X - X.detach().amax(dim=-1, keepdim=True)


def softmax(X: Float[Tensor, "*models batch classes"]) -> Float[Tensor, "*models batch classes"]:
    """exp(X_ij) / sum_k exp(X_ik): rows of probabilities (d2l 4.1, with the shift of d2l 4.5.2)."""
    exp_X = _shifted(X).exp()
    return exp_X / exp_X.sum(dim=-1, keepdim=True)


def log_softmax(X: Float[Tensor, "*models batch classes"]) -> Float[Tensor, "*models batch classes"]:
    """X_ij - log sum_k exp(X_ik), finite where `softmax` underflows to 0."""
    Z = _shifted(X)
    return Z - Z.exp().sum(dim=-1, keepdim=True).log()


def cross_entropy(
    logits: Float[Tensor, "*models batch classes"], y: Int[Tensor, "*models batch"]
) -> Float[Tensor, "*models"]:
    """Mean of -log softmax(logits)[y], in nats; log(num_classes) when every class is as likely (d2l 4.1.2).

    Picks the labels' entries before it subtracts, so no [batch, classes] table of logarithms is made.
    """
    Z = _shifted(logits)
    log_sum = Z.exp().sum(dim=-1, keepdim=True).log()
    return _means(log_sum - Z.gather(-1, y[..., None]))


def squared_error(y_hat: Float[Tensor, "*outputs"], y: Float[Tensor, "*targets"]) -> Float[Tensor, "*models"]:
    """mean((y_hat - y)^2), as `torch.nn.MSELoss`; its gradient is twice that of `half_squared_error`."""
    if y_hat.shape != y.shape:  # [n, 1] - [n] would silently be an [n, n] table
        raise ValueError(f"y_hat has shape {list(y_hat.shape)} but y has {list(y.shape)}: they must be equal")
    return _means(torch.square(y_hat - y))


def half_squared_error(y_hat: Float[Tensor, "*outputs"], y: Float[Tensor, "*targets"]) -> Float[Tensor, "*models"]:
    """mean((y_hat - y)^2 / 2), the loss of d2l 3.1, whose gradient in y_hat is the error over n."""
    return squared_error(y_hat, y) / 2


def cross_entropy_and_gradient(
    logits: Float[Tensor, "*models batch classes"], y: Int[Tensor, "*models batch"]
) -> tuple[Float[Tensor, "*models"], Float[Tensor, "*models batch classes"]]:
    """`cross_entropy` and its gradient in the logits, (softmax(logits) - one-hot(y)) / batch (d2l 4.1.2.2)."""
    Z, label = _shifted(logits), y[..., None]
    exp_Z = Z.exp()
    total = exp_Z.sum(dim=-1, keepdim=True)
    loss = _means(total.log() - Z.gather(-1, label))
    gradient = exp_Z.div_(total)
    gradient.scatter_add_(-1, label, gradient.new_full(label.shape, -1.0))
    return loss, gradient.div_(y.shape[-1])


def squared_error_and_gradient(
    y_hat: Float[Tensor, "*outputs"], y: Float[Tensor, "*targets"]
) -> tuple[Float[Tensor, "*models"], Float[Tensor, "*outputs"]]:
    """`squared_error` and its gradient in y_hat, 2 (y_hat - y) / number of entries."""
    entries = y.numel() if y.dim() < 3 else y[0].numel()
    return squared_error(y_hat, y), (y_hat - y) * (2 / entries)


def _means(errors: Tensor) -> Tensor:
    """0-d of [batch, ...], [models] of [models, batch, ...]."""
    return errors.mean() if errors.dim() < 3 else errors.flatten(1).mean(1)
