"""TensorFloat-32 where there is none: the products of a CPU with the operands of a tensor core."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

DROPPED = 13  # of the 23 explicit bits of a float32's mantissa; TF32 has 10, and the same exponents
aten = torch.ops.aten
OPERANDS: dict[Any, tuple[int, int]] = {  # the places of the two that are multiplied
    aten.mm: (0, 1),
    aten.bmm: (0, 1),
    aten.addmm: (1, 2),
    aten.addmm_: (1, 2),
    aten.baddbmm: (1, 2),
    aten.baddbmm_: (1, 2),
}


def rounded(x: Tensor) -> Tensor:
    """float32, of any shape, to the nearest number that TF32 has; ties to even, inf and nan stay.

    What lies beyond the largest by half a spacing or more becomes inf, as IEEE 754 rounds.
    """
    bits = x.view(torch.int32)
    last_kept = (bits >> DROPPED) & 1
    near = ((bits + (2 ** (DROPPED - 1) - 1) + last_kept) >> DROPPED) << DROPPED
    return torch.where(x.isfinite(), near.view(torch.float32), x)


class TF32(TorchDispatchMode):
    """`with TF32(): ...` rounds both operands of every float32 matrix product to TF32, of autograd's backward pass
    on the CPU too, and leaves the rest to torch: products and sums in float32.

    An emulation. Hardware may round otherwise (NVIDIA's conversion cvt.rna takes ties away from zero, AMD's MI300
    rounds down) and adds up in an order of its own. The rounding takes time: seconds under it mean nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.products = 0  # that were rounded

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        places = OPERANDS.get(func.overloadpacket)
        if places is None:
            with self:  # in inference mode `linear` and `matmul` get here whole
                parts = func.decompose(*args, **(kwargs or {}))
            return func(*args, **(kwargs or {})) if parts is NotImplemented else parts
        if args[places[0]].dtype == torch.float32:
            self.products += 1
            args = tuple(rounded(arg) if place in places else arg for place, arg in enumerate(args))
        return func(*args, **(kwargs or {}))
