"""Hold out part of a labelled set without changing the shares of its classes."""

import torch
from torch import Tensor

from initlab.seeds import generator


def stratified_split(labels: Tensor, num_held_out: int, seed: int) -> tuple[Tensor, Tensor]:
    """Row numbers (kept, held out), each ascending, drawn at random within each class.

    A class gives num_held_out * (its share) rows, rounded so that the total is exact (largest remainder).
    """
    num_rows = len(labels)
    shares = labels.bincount() * num_held_out  # in units of 1 / num_rows, so all of this is exact
    quotas = shares // num_rows
    rounded_up = (shares % num_rows).argsort(descending=True, stable=True)[: num_held_out - int(quotas.sum())]
    quotas[rounded_up] += 1

    shuffled = torch.randperm(num_rows, generator=generator("split", seed))
    held_out = torch.zeros(num_rows, dtype=torch.bool)
    for label, quota in enumerate(quotas.tolist()):
        held_out[shuffled[labels[shuffled] == label][:quota]] = True
    return (~held_out).nonzero().flatten(), held_out.nonzero().flatten()
