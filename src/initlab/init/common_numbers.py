"""Other distributions from the normal numbers that every scheme draws.

One seed gives one list of normal numbers z, whatever the scheme: a normal weight is a multiple of z, a uniform one of
its quantile. So two schemes of one seed differ by the scheme alone, and their difference over some seeds varies less
(common random numbers; Law 2015, Simulation Modeling and Analysis, section 11.2).
"""

import math

import torch
from torch import Tensor


def uniform_(tensor: Tensor, bound: float, generator: torch.Generator | None) -> Tensor:
    """Fill from U(-bound, bound): bound (2 Phi(z) - 1) = bound erf(z / sqrt 2)."""
    return tensor.normal_(generator=generator).mul_(math.sqrt(0.5)).erf_().mul_(bound)
