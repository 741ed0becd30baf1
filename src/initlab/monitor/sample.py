"""What one step gave: numbers still on their device, then rows."""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from initlab.monitor.history import Histogram
from initlab.monitor.kernels import Number, extremes
from initlab.monitor.observer import Row

Key = tuple[str, str]  # layer or parameter, what
CPU = torch.device("cpu")
LOSS: Key = ("loss", "loss")


class Sample:
    """The numbers of one step, until they are rows.

    added:   what adds up over processes: entries, sums, counts of each layer.
    largest: what is the largest over processes: [2, units], every unit's largest entry and minus its smallest.
    own:     what is the same in all of them (parameters), or only asked of the first (histograms, [64] each).
    num_rows: of the batch, for the similarity of two of them.
    """

    def __init__(self, step: int, keep: bool = True, num_rows: int | None = None) -> None:
        self.step = step
        self.num_rows = num_rows
        self.keep = keep  # False: only looked through for nan and inf
        self.layers: list[str] = []  # in order of execution
        self.added: dict[Key, Number] = {}
        self.largest: dict[str, Tensor] = {}
        self.own: dict[Key, Number] = {}
        self.parameters: list[str] = []  # as registered
        self.forward_done = False

    def drop(self, layer: str) -> None:
        """Forget what was taken of a layer or parameter."""
        self.layers = [name for name in self.layers if name != layer]
        self.parameters = [name for name in self.parameters if name != layer]
        for numbers in (self.added, self.own):
            for key in [key for key in numbers if key[0] == layer]:
                del numbers[key]
        self.largest.pop(layer, None)

    def reduce(self, device: torch.device) -> None:
        """Make `added` and `largest` those of the global batch; every process must come here for the same step."""
        order = torch.distributed.ReduceOp
        shapes = [(key, v.shape) for key, v in self.largest.items()]
        seal = zlib.crc32(repr((self.step, list(self.added), shapes)).encode())
        seals = torch.tensor([seal, -seal], dtype=torch.int64, device=device)
        torch.distributed.all_reduce(seals, op=order.MAX)
        if int(seals[0]) != -int(seals[1]):
            warnings.warn("monitor: the processes ran different layers; figures are of the first one", stacklevel=2)
            if LOSS in self.added:
                self.added[LOSS] *= torch.distributed.get_world_size()
            return
        if self.added:
            together = _stack(list(self.added.values()), device)
            torch.distributed.all_reduce(together, op=order.SUM)
            self.added = dict(zip(self.added, together.unbind(), strict=True))
        if self.largest:
            together = torch.cat([v.to(device) for v in self.largest.values()], dim=1)
            torch.distributed.all_reduce(together, op=order.MAX)
            parts = together.split([v.shape[1] for v in self.largest.values()], dim=1)
            self.largest = dict(zip(self.largest, parts, strict=True))

    def pack(self) -> Tensor | list[float]:
        """All numbers, for `rows`: still on their device, 1-d, or plain where they are in the host's memory."""
        for layer, peaks in self.largest.items():
            self.own.update(zip(((layer, what) for what in ("max", "min", "dead")), extremes(peaks), strict=True))
        self.largest = {}
        numbers = [*self.added.values(), *(v for k, v in self.own.items() if k[1] != "histogram")]
        counts = [v for k, v in self.own.items() if k[1] == "histogram"]
        device = next((v.device for v in [*counts, *numbers] if isinstance(v, Tensor) and v.device != CPU), CPU)
        if device == CPU:
            return [*map(float, numbers), *(n for c in counts if isinstance(c, Tensor) for n in c.tolist())]
        return torch.cat([_stack(numbers, device), *(_wide(c) for c in counts if isinstance(c, Tensor))])

    def rows(self, values: list[float], quantities: frozenset[str]) -> tuple[list[Row], list[Histogram]]:
        """`values`: what `pack` gave, as one list."""
        plain = [*self.added, *(key for key in self.own if key[1] != "histogram")]
        got = dict(zip(plain, values, strict=False))
        at = len(plain)
        histograms = []
        for layer, what in self.own:
            if what == "histogram":
                low, high = got[layer, "low"], got[layer, "high"]
                if math.isfinite(low) and math.isfinite(high):
                    counts = tuple(map(int, values[at : at + 64]))
                    histograms.append(Histogram(self.step, layer, low, high, counts))
                at += 64
        rows: list[Row] = []
        for layer in self.layers:
            if got[layer, "n"] > 1:
                rows += [self._row(layer, *item) for item in _of_layer(layer, got) if item[0] in quantities]
        for layer in self.layers:
            n = got.get((layer, "grad n"), 0)
            if n > 1:
                total, square = got[layer, "grad sum"], got[layer, "grad square"]
                rows.append(self._row(layer, "grad_std", std(n, total, square) * got.get(("", "grad scale"), 1.0)))
        if LOSS in got and "loss" in quantities:
            rows.append(self._row(*LOSS, got[LOSS]))
        for name in self.parameters:
            rows += [self._row(name, *item) for item in _of_parameter(name, got) if item[0] in quantities]
        return rows, histograms

    def _row(self, layer: str, quantity: str, value: float) -> Row:
        return {"step": self.step, "layer": layer, "quantity": quantity, "value": value}


def std(n: float, total: float, square: float) -> float:
    """sqrt((sum x^2 - (sum x)^2 / n) / (n - 1)), as `Tensor.std`; nan where an entry is nan or inf."""
    variance = (square - total * total / n) / (n - 1)
    return math.sqrt(variance) if variance > 0 else (0.0 if variance <= 0 else math.nan)


def _of_layer(layer: str, got: Mapping[Key, float]) -> Sequence[tuple[str, float]]:
    n, total, square = got[layer, "n"], got[layer, "sum"], got[layer, "square"]
    items = [("mean", total / n), ("std", std(n, total, square))]
    items += [(what, got[layer, what]) for what in ("min", "max") if (layer, what) in got]
    items += [(what, got[layer, what] / n) for what in ("active", "saturated") if (layer, what) in got]
    items += [(what, got[layer, what]) for what in ("dead", "similarity") if (layer, what) in got]
    if got[layer, "bad"] > 0:
        items.append(("nonfinite", got[layer, "bad"]))
    return items


def _of_parameter(name: str, got: Mapping[Key, float]) -> Sequence[tuple[str, float]]:
    items = []
    before = math.sqrt(got[name, "weight"]) if (name, "weight") in got else 0.0
    if (name, "gradient") in got:
        items.append(("grad_norm", math.sqrt(got[name, "gradient"])))
    if (name, "weight") in got:
        items.append(("weight_norm", before))
    if (name, "update") in got and before > 0:  # a bias that is still 0 has no ratio
        items.append(("update_ratio", math.sqrt(got[name, "update"]) / before))
    return items


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.float32 if x.device.type == "mps" else torch.float64)


def _stack(numbers: Sequence[Number], device: torch.device) -> Tensor:
    """[numbers] on `device`, in one go where all are plain."""
    wide = torch.float32 if device.type == "mps" else torch.float64
    if not any(isinstance(v, Tensor) for v in numbers):
        return torch.tensor(numbers, dtype=wide, device=device)
    plain = torch.tensor([v for v in numbers if not isinstance(v, Tensor)], dtype=wide).to(device, non_blocking=True)
    rest = iter(plain.unbind())
    return torch.stack([v.to(device, wide) if isinstance(v, Tensor) else next(rest) for v in numbers])
