"""A job's place in a population."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from initlab.models import MLP, LinearRegression, MLPRegression, Module, Neuron, SoftmaxRegression
from initlab.nn import SGD
from initlab.population.stack import kind_of, settings
from initlab.population.turns import Thread, Turns
from initlab.training import Stretch, at

MODELS = (LinearRegression, SoftmaxRegression, MLP, MLPRegression, Neuron)
OPTIMIZERS = (SGD, torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)


@dataclass
class Request:
    """What a model waits for: that these batches are trained on or, of another split, evaluated.

    done: how many are; loss: of the last; refused: it is to do so itself; kind: equal for those of one stack;
    settings: equal for those whose optimisers do the same.
    """

    seat: Seat
    model: Module
    split: str
    stretch: Stretch
    done: int = 0
    loss: Tensor | None = None
    refused: bool = False
    kind: Hashable = None
    settings: str = ""
    seconds: float = 0.0  # its share of the time that was spent on them
    threads: int = field(default_factory=torch.get_num_threads)  # a setting of each thread

    def __post_init__(self) -> None:
        self.kind, self.settings = (self.split, *kind_of(self.model)), settings(self.model)

    @property
    def fulfilled(self) -> bool:
        return self.refused or self.done == len(self.stretch)

    @property
    def shapes(self) -> tuple[list[tuple[int, ...]], int]:
        """(outputs, inputs) of each dense layer, and the rows of the next batch."""
        weights = [tuple(p.shape) for p in self.model.parameters() if p.dim() == 2]
        return weights, len(self.stretch.rows[self.done])


class Shared(Protocol):
    """What all seats of a population have in common."""

    turns: Turns
    rows: dict[Hashable, Any]


class Seat:
    """A `Meeting`: the job's thread asks here, waits until all others ask too or have ended, and gets its answer.

    trains: whether it has come to its training, as one that was done before or that fails does not; reason: why it
    trains alone, empty where it does not.
    """

    def __init__(self, shared: Shared, work: Callable[[], Any]) -> None:
        self._shared = shared
        self.request: Request | None = None
        self.trains = self._asked = False
        self.reason = ""
        self.away = 0.0
        self.thread = Thread(shared.turns, lambda: self._work(work))

    def _work(self, work: Callable[[], Any]) -> Any:
        with at(self):
            result = work()
        if self.trains and not self._asked:
            self.train_alone(
                "no two updates in a row that no callback looks at (callbacks, steps_per_execution, trainer)"
            )
        return result

    def begin(self) -> None:
        self.trains = True

    def train(self, model: Any, stretch: Stretch) -> Tensor | None:
        request = self._ask(model, "train", stretch)
        return None if request is None else request.loss

    def evaluate(self, model: Any, split: str, stretch: Stretch) -> bool:
        request = self._ask(model, split, stretch)
        return request is not None and not request.refused

    def _ask(self, model: Any, split: str, stretch: Stretch) -> Request | None:
        self._asked = True
        if not self.reason and (reason := why_alone(model)) is not None:
            self.train_alone(reason)
        if self.reason:
            return None
        self.request = request = Request(self, model, split, stretch)
        began = time.perf_counter()
        try:
            self.thread.wait()
        finally:
            self.request = None
            self.away += time.perf_counter() - began - request.seconds
        return request

    def rows(self, key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in self._shared.rows:
            self._shared.rows[key] = make()
        return self._shared.rows[key]

    def equal(self, rows: Any) -> Any:
        known = self._shared.rows.setdefault("equal", [])
        for other in known:
            if all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(_flat(rows), _flat(other), strict=True)):
                return other
        known.append(rows)
        return rows

    def train_alone(self, reason: str) -> None:
        self.reason = self.reason or reason


def _flat(pairs: Any) -> list[Tensor]:
    return [part for pair in pairs for part in pair]


def why_alone(model: Any) -> str | None:
    """What keeps a model from a stack; None: nothing."""
    optimizers = model.trainer.optimizers
    if type(model) not in MODELS:
        return f"model._target_={type(model).__module__}.{type(model).__name__}"
    if model.hparams.get("layers", "scratch") != "scratch":
        return f"model.layers={model.hparams['layers']}"
    if len(optimizers) != 1 or type(optimizers[0]) not in OPTIMIZERS:
        return f"optimizer={type(optimizers[0]).__name__}"
    return None
