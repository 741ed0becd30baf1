"""From a tensor to a few numbers that describe it, fast, without changing it or waiting for its device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Number = float | Tensor  # a plain number where the tensor lies in the host's memory, else 0-d, still on its device

BINS = 64  # of a histogram
BINNED = 8_192  # entries that a histogram counts at most: the first examples of the batch
CHUNK = 65_536  # float32 adds up so many squares to 1e-7 of their sum; 2^24 of them only to 4e-4
SAFE = 1e-25, 1e35  # sums of squares that float32 can hold with all their digits, whatever the number of entries
CANCELLED = 1e-3  # variance / mean square under which float32 has lost digits of the variance


def sums(x: Tensor) -> tuple[Number, Number, Number]:
    """Of all entries: sum, sum of squares, and how many are nan or inf.

    Right to about 1e-6 wherever float32 has numbers, 1e-38 to 1e38. In the host's memory: float32 sum and dot
    (10 us for [256, 256], against 29 us in double precision and 62 us for `Tensor.std`), taken again in double
    precision where the result says that float32 was not enough - with float32 alone the squares read 0 below 1e-23 and
    inf above 1e19. To look at a result costs nothing there, as nothing computes elsewhere. On an accelerator: summed
    in double precision while reading (no copy is made), left there.
    """
    if not x.is_cpu:
        wide = x.dtype if x.device.type == "mps" else torch.float64
        bad = x.numel() - torch.isfinite(x).sum(dtype=wide)
        return x.sum(dtype=wide), torch.linalg.vector_norm(x, dtype=wide).square(), bad
    flat, n = x.reshape(-1), x.numel()
    if flat.dtype != torch.float64:
        flat = flat if flat.dtype == torch.float32 else flat.float()  # half precision: exact
        total, square = flat.sum().item(), _square(flat, n)
        if SAFE[0] < square < SAFE[1] and square - total * total / n > CANCELLED * square:
            return total, square, 0.0
        flat = flat.double()
    total, square = flat.sum().item(), _square(flat, n)
    finite = n if abs(square) < float("inf") else int(torch.isfinite(flat).sum())
    return total, square, float(n - finite)


def _square(flat: Tensor, n: int) -> float:
    if n <= CHUNK:
        return flat.dot(flat).item()
    return sum(part.dot(part).item() for part in flat.split(CHUNK))


def norm_square(x: Tensor) -> Number:
    """The sum of squares, of complex numbers of their moduli, as right as `sums`."""
    if x.is_complex():
        x = torch.view_as_real(x.resolve_conj())
    if not x.is_cpu:
        return torch.linalg.vector_norm(x, dtype=None if x.device.type == "mps" else torch.float64).square()
    flat = x.reshape(-1)
    if flat.dtype != torch.float64:
        square = _square(flat.float(), x.numel())
        if SAFE[0] < square < SAFE[1]:
            return square
    return _square(flat.double(), x.numel())


def count(compare: Callable[..., Tensor], x: Tensor, value: float) -> Number:
    """How many entries hold `compare(entry, value)`, such as `torch.gt`; nan never does.

    The comparison writes floats: 14 us for [256, 256] with its sum, against 46 us by way of booleans.
    """
    found = compare(x, value, out=torch.empty_like(x, memory_format=torch.contiguous_format)).sum(dtype=torch.float32)
    return float(found) if x.device.type == "cpu" else found


def units(x: Tensor, dim: int) -> Tensor:
    """[2, units]: every unit's largest entry and minus its smallest; `dim` is the dimension that numbers the units."""
    if x.dim() > 1 and dim % x.dim() == x.dim() - 1:
        x, dim = x.reshape(-1, x.shape[-1]), 1  # one dimension to go over is faster than several
    others = [d for d in range(x.dim()) if d != dim % x.dim()]
    return torch.stack([x.amax(others), -x.amin(others)] if others else [x, -x])


def extremes(peaks: Tensor) -> tuple[Number, Number, Number]:
    """Of what `units` gave: max and min of all entries, and the share of units all of whose entries are 0."""
    high, low = peaks.amax(1).unbind()
    alive = peaks.any(0).sum()
    if peaks.device.type == "cpu":
        return float(high), -float(low), 1 - int(alive) / peaks.shape[1]
    return high, -low, 1 - alive / peaks.shape[1]


def bins(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Counts [BINS] of equal bins from `low` to `high` (0-d), of the first examples in x, at most BINNED entries.

    Where low == high all are counted in bin 0. Meaningless where x holds nan or inf, which low and high show.
    """
    rows = max(1, BINNED * len(x) // max(1, x.numel()))
    part = x[:rows].reshape(-1)[:BINNED]
    wide = torch.float32 if part.device.type == "mps" else torch.float64  # high - low may pass float32's limits
    scale = BINS / (high.to(wide) - low.to(wide))
    index = part.to(wide).sub(low.to(wide)).mul_(scale).nan_to_num_(0.0).clamp_(0, BINS - 1).to(torch.int64)
    if x.device.type == "cpu":
        return torch.bincount(index, minlength=BINS)  # twice as fast, but elsewhere it waits for the device
    return torch.zeros(BINS, dtype=torch.int64, device=x.device).scatter_add_(0, index, torch.ones_like(index))
