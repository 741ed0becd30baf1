"""How alike two inputs of a batch come out of a layer."""

from __future__ import annotations

import torch
from torch import Tensor

from initlab.monitor.kernels import Number


def similarity(x: Tensor, rows: int, time_first: bool = False) -> Number | None:
    """E[z . z'] / E[z . z], z and z' all entries of the layer's output for two different rows of the batch.

    1: it no longer tells them apart; nan where all is 0. None where `x` has no dimension for the rows, as positions
    that all rows share have not. See `by_rows`.
    """
    z = by_rows(x, rows, time_first)
    if z is None:
        return None
    z = z if z.dtype == torch.float64 or z.device.type == "mps" else z.double()
    alone = torch.linalg.vector_norm(z).square()
    together = torch.linalg.vector_norm(z.sum(0)).square()
    found = (together - alone) / ((rows - 1) * alone)
    return float(found) if x.is_cpu else found


def by_rows(x: Tensor, rows: int, time_first: bool) -> Tensor | None:
    """[rows, rest]. The rows are dimension 0; dimension 1 where that one has as many entries and the other has not, or
    where both have and the layer is `time_first` ([T, N, C]); or part of dimension 0, [rows * parts, ...], as in
    attention over windows."""
    if rows < 2 or not x.dim():
        return None
    second = x.dim() > 1 and x.shape[1] == rows
    if second and (time_first or x.shape[0] != rows):
        return x.transpose(0, 1).reshape(rows, -1)
    return x.reshape(rows, -1) if x.shape[0] % rows == 0 else None
