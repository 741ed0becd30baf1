"""Which dimension of a layer's output numbers its units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from initlab.monitor import kernels

FEATURES_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.RMSNorm, nn.MultiheadAttention, nn.RNNBase,
                 nn.RNNCellBase)  # fmt: skip
CHANNELS_SECOND = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm)
CHANNELS_BEFORE_SPACE = {nn.InstanceNorm1d: 1, nn.InstanceNorm2d: 2, nn.InstanceNorm3d: 3}  # spatial dimensions


@dataclass(frozen=True)
class _Made:
    """The output of a layer with units: the extremes of each, and how they lie in memory."""

    peaks: Tensor
    dim: int
    dims: int
    memory: int
    stride: int


class Units:
    """Follows the units through one forward pass.

    A dense, convolution or normalisation layer says by its type where its units are: features last, channels before
    the spatial dimensions. Any other layer, an activation above all, has the units of the layer before it, in the
    dimension that has as many entries, wherever a transpose has put it. Where several have, it is the one in which its
    input, or its output, has that layer's extremes (on a device, where to compare would wait: the one that lies in
    memory as that layer's output did), else the one in the same place. Where none has, it is the last dimension, or the
    one behind the batch of four or more.
    """

    def __init__(self) -> None:
        self._made: list[_Made] = []
        self._entered: dict[nn.Module, tuple[torch.Size, int]] = {}  # shape of the input, its dimension of units

    def enter(self, module: nn.Module, z: Tensor) -> None:
        """Before the call of a layer with the input z, which the layer may overwrite."""
        self._entered[module] = z.shape, self._followed(z)

    def peaks(self, module: nn.Module, x: Tensor) -> Tensor:
        """[2, units]: every unit's largest entry and minus its smallest, of the output x of a layer."""
        entered = self._entered.pop(module, None)
        dim = _by_type(module, x)
        if dim is None:
            dim = self._moved(x, entered[1]) if entered and entered[0] == x.shape else self._followed(x)
        dim = dim if -x.dim() <= dim < x.dim() else -1
        peaks = kernels.units(x, dim)
        self._made.append(_Made(peaks, dim % x.dim(), x.dim(), x.data_ptr(), x.stride(dim)))
        return peaks

    def _moved(self, x: Tensor, dim: int) -> int:
        """`dim`, where the input had the units, or where a layer that only turns its input has put them."""
        made = self._made[-1] if self._made else None
        fit = [d for d in range(1, x.dim()) if made and x.shape[d] == made.peaks.shape[1]]
        found = _alike(fit, made, x) if made and len(fit) > 1 else []
        return found[0] if len(found) == 1 else dim

    def _followed(self, x: Tensor) -> int:
        for made in reversed(self._made):
            fit = [d for d in range(1, x.dim()) if x.shape[d] == made.peaks.shape[1]]
            if len(fit) == 1:
                return fit[0]
            if fit:
                return _the_one(fit, made, x)
        return 1 if x.dim() >= 4 else -1


def _by_type(module: nn.Module, x: Tensor) -> int | None:
    if isinstance(module, FEATURES_LAST) or (isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1):
        return -1
    if isinstance(module, nn.modules.conv._ConvNd):
        return -1 - len(module.kernel_size)  # unbatched input too
    if isinstance(module, CHANNELS_SECOND):
        return 1
    for kind, space in CHANNELS_BEFORE_SPACE.items():
        if isinstance(module, kind):
            return -1 - space
    return None


def _alike(fit: list[int], made: _Made, x: Tensor) -> list[int]:
    if x.is_cpu:  # elsewhere a comparison would wait for the device
        return [d for d in fit if torch.equal(kernels.units(x, d), made.peaks)]
    return [d for d in fit if x.data_ptr() == made.memory and x.stride(d) == made.stride]


def _the_one(fit: list[int], made: _Made, x: Tensor) -> int:
    fit = _alike(fit, made, x) or fit
    if made.dim in fit and made.dims == x.dim():
        return made.dim
    return fit[-1] if len(fit) == 1 or x.dim() < 4 else fit[0]
