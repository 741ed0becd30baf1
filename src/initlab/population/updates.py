"""The updates of several models on their next batches, as those of one stack."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import takewhile

import torch
from torch import Tensor

from initlab.models import Module
from initlab.population.pays import GAIN, work_of
from initlab.population.rows import Joined, Rows
from initlab.population.seat import Request
from initlab.population.stack import Stack
from initlab.training.several_updates import SeveralUpdates

PIECE = 16  # updates whose outputs are kept until they are counted


class Updates:
    """`serve(requests)` of one kind. The stack that served last is kept, as the next requests are mostly its own."""

    def __init__(self) -> None:
        self._stack: tuple[Hashable, Stack] | None = None
        self._joined = Joined()

    def serve(self, requests: Sequence[Request]) -> None:
        """Do for them what they wait for, at least one batch of each, or refuse it. One whose model is never to be
        stacked gets told so."""
        requests = sorted(requests, key=lambda request: request.settings)
        torch.set_num_threads(requests[0].threads)
        started = any(request.done for request in requests)  # together with others, which are done
        rows = _next_rows(requests, 1)
        if rows.same_order and not rows.same:  # as jobs that resume: those behind catch up first
            places = [request.stretch.numbers[request.done] for request in requests]
            requests = [request for request, place in zip(requests, places, strict=True) if place == min(places)]
            rows = _next_rows(requests, 1)
        weights, batch_size = requests[0].shapes
        faster = work_of(weights, batch_size).gain(len(requests), rows.same) >= GAIN
        if requests[0].split != "train":
            if faster and rows.same:
                self._evaluate(requests)
            else:
                _refuse(requests)
        elif started or (faster and len(requests) > 1):
            self._train(requests)
        else:
            if len(requests) > 1:
                network = "-".join(str(n) for n in [weights[0][1], *(outputs for outputs, _ in weights)])
                order = "one order" if rows.same else "an order of its own for each"
                for request in requests:
                    request.seat.train_alone(
                        f"networks {network} on batches of {batch_size} in {order} train no faster as a stack"
                    )
            _refuse(requests)

    def _train(self, requests: Sequence[Request]) -> None:
        models = [request.model for request in requests]
        steps = min(len(request.stretch) - request.done for request in requests)
        stack = self._stack_for(requests)
        stack.begin(models, [request.settings for request in requests])
        while steps > 0:
            pieces = [[rows.numel() for rows in r.stretch.rows[r.done :][: min(PIECE, steps)]] for r in requests]
            alike = (pieces[0][0],) * len(requests)  # rows of a batch
            number = len(list(takewhile(alike.__eq__, zip(*pieces, strict=True))))
            if number == 0:  # the last batch of an epoch is shorter, and not all are there
                break
            rows, outputs = _next_rows(requests, number), []
            rows.join(self._joined)
            for i in range(number):
                X, y = _ready(models[0], rows.batch(i))
                outputs.append((*stack.update(X, y), y))
            _count(models, "train", outputs)
            steps -= number
            for j, request in enumerate(requests):
                request.done += number
                request.loss = outputs[-1][1][j]
        stack.save()
        for request in requests if all(request.done == 0 for request in requests) else ():
            request.refused = True

    def _evaluate(self, requests: Sequence[Request]) -> None:
        models, stretch = [request.model for request in requests], requests[0].stretch
        stack = self._stack_for(requests)
        stack.load(models)
        for rows in stretch.rows:
            X, y = _ready(models[0], stretch.take(rows))
            _count(models, requests[0].split, [(*stack.evaluate(X[None], y[None]), y[None])])
        for request in requests:
            request.done = len(stretch)

    def _stack_for(self, requests: Sequence[Request]) -> Stack:
        key = requests[0].kind[1:], len(requests)  # type: ignore[index]
        if self._stack is None or self._stack[0] != key:
            self._stack = None  # its memory first
            self._stack = key, Stack(requests[0].model, len(requests))
        return self._stack[1]


def _refuse(requests: Sequence[Request]) -> None:
    for request in requests:
        request.refused = True


def _next_rows(requests: Sequence[Request], number: int) -> Rows:
    return Rows([request.stretch for request in requests], [request.done for request in requests], number)


def _ready(model: Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    several: SeveralUpdates = model.trainer.precision_plugin
    return several.ready(batch)


def _count(models: Sequence[Module], split: str, outputs: Sequence[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Add (y_hat [models, batch, ...], losses [models], y [models or 1, batch, ...]) of several batches to each model's
    own sums."""
    y_hats, losses, ys = zip(*outputs, strict=True)
    sizes = torch.tensor([y.shape[1] for y in ys], device=losses[0].device)
    summed = torch.stack(losses) * sizes[:, None]
    y_hat, y = torch.cat(y_hats, 1), torch.cat(ys, 1)
    for j, model in enumerate(models):
        own = y[j] if len(y) > 1 else y[0]
        model.count(split, len(own), model.summed(summed[:, j], y_hat[j], own))
