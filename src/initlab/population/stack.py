"""Models of one kind as one model, whose weights are [models, outputs, inputs]."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from initlab.models import Module


class Stack:
    """`load` copies the weights of models into it, `update` makes a step of each on its own batch, `save` copies them
    back. The models remain what they are, with optimisers and schedulers of their own.

    Loss and gradient of a model depend on its own slice alone, so one that diverges leaves the others as they are. The
    optimisers are of the models' own class, one group of parameters for each run of models with equal settings.
    """

    def __init__(self, like: Module, number: int) -> None:
        with torch.device("meta"):  # no random numbers
            self.model = type(like)(**like.hparams, backward="manual" if like.by_hand else "autograd")
        for (name, parameter), own in zip(list(self.model.named_parameters()), like.parameters(), strict=True):
            owner, _, leaf = name.rpartition(".")
            room = torch.empty(number, *parameter.shape, dtype=own.dtype, device=own.device)
            self.model.get_submodule(owner).register_parameter(
                leaf, torch.nn.Parameter(room, requires_grad=own.requires_grad)
            )
        self.model.begin_by_hand()
        self.parameters = list(self.model.parameters())

    @torch.no_grad()
    def load(self, models: Sequence[Module]) -> None:
        self.models = models
        self._own = [list(model.parameters()) for model in models]
        for parameter, of_models in zip(self.parameters, zip(*self._own, strict=True), strict=True):
            torch.stack(of_models, out=parameter.data)

    def begin(self, models: Sequence[Module], settings: Sequence[str]) -> None:
        """Load them with their optimisers. Models with equal `settings` should stand together."""
        self.load(models)
        self._optimizers: list[Optimizer] = [model.trainer.optimizers[0] for model in models]
        self._schedulers = [schedulers(model) for model in models]
        runs = [list(run) for _, run in groupby(range(len(models)), lambda i: settings[i])]
        self._slices = [slice(run[0], run[-1] + 1) for run in runs]
        groups: list[dict[str, Any]] = []
        self._views: list[tuple[int, slice, Tensor]] = []  # number of the parameter, its models, their part of it
        for which in self._slices:
            own = self._optimizers[which.start]
            of = {id(p): i for i, p in enumerate(self._own[which.start])}
            for group in own.param_groups:
                views = [(of[id(p)], which, self.parameters[of[id(p)]].detach()[which]) for p in group["params"]]
                groups.append(group | {"params": [view for _, _, view in views]})
                self._views += views
        self._stepper = _made_like(self._optimizers[0], groups)
        for i, which, view in self._views:
            states = [self._optimizers[j].state.get(self._own[j][i], {}) for j in range(which.start, which.stop)]
            self._stepper.state[view] = {
                name: torch.stack([state[name] for state in states]) if _entrywise(value, view[0]) else _copied(value)
                for name, value in states[0].items()
            }

    def update(self, X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """A step of each model: y_hat [models, batch, outputs] and the losses [models] before it."""
        y_hat, losses = self.model.forward_and_loss((X, y.expand(len(self.models), *y.shape[1:])))
        for parameter in self.parameters:
            parameter.grad = None
        self.model.backward(losses.sum())
        for i, which, view in self._views:
            gradient = self.parameters[i].grad
            view.grad = None if gradient is None else gradient[which]
        self._stepper.step()
        if self._schedulers[0]:
            self._schedule()
        return y_hat.detach(), losses.detach()

    def _schedule(self) -> None:
        for scheduler in (one for of_model in self._schedulers for one in of_model):
            scheduler.step()
        groups = iter(self._stepper.param_groups)
        for which in self._slices:
            for group in self._optimizers[which.start].param_groups:
                next(groups)["lr"] = group["lr"]

    @torch.no_grad()
    def save(self) -> None:
        """Weights and the optimisers' states, into those of the models."""
        for i, parameter in enumerate(self.parameters):
            for j, value in enumerate(parameter.detach().unbind()):
                self._own[j][i].copy_(value)
        for i, which, view in self._views:
            for name, value in self._stepper.state[view].items():
                for j in range(which.start, which.stop):
                    own = self._optimizers[j].state[self._own[j][i]]
                    new = value[j - which.start] if _entrywise(value, view) else value
                    if isinstance(own.get(name), Tensor):
                        own[name].copy_(new)
                    else:
                        own[name] = _copied(new)

    @torch.no_grad()
    def evaluate(self, X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """y_hat and the losses on a batch [1 or models, batch, ...]."""
        return self.model.predict((X, y.expand(len(self.models), *y.shape[1:])))


def kind_of(model: Module) -> tuple[Any, ...]:
    """Equal for models that one stack can hold."""
    optimizer, parameters = model.trainer.optimizers[0], list(model.parameters())
    index = {id(parameter): i for i, parameter in enumerate(parameters)}
    groups = tuple(tuple(index[id(p)] for p in group["params"]) for group in optimizer.param_groups)
    places = parameters[0].dtype, parameters[0].device, tuple(p.requires_grad for p in parameters)
    return type(model), repr(dict(model.hparams)), model.by_hand, type(optimizer), groups, places


def settings(model: Module) -> str:
    """Equal for models whose optimisers, and schedulers, do the same."""
    optimizer = model.trainer.optimizers[0]
    groups = [{name: v for name, v in group.items() if name != "params"} for group in optimizer.param_groups]
    state: dict[str, Any] = next(iter(optimizer.state.values()), {})
    numbers = {name: float(v) if isinstance(v, Tensor) and v.dim() == 0 else "" for name, v in state.items()}
    return repr((groups, numbers, [scheduler.state_dict() for scheduler in schedulers(model)]))


def schedulers(model: Module) -> list[Any]:
    return [config.scheduler for config in model.trainer.lr_scheduler_configs]


def _made_like(optimizer: Optimizer, groups: list[dict[str, Any]]) -> Optimizer:
    takes = inspect.signature(type(optimizer)).parameters
    made: Optimizer = type(optimizer)(groups, **{k: v for k, v in optimizer.defaults.items() if k in takes})
    return made


def _entrywise(value: Any, like: Tensor) -> bool:
    """Whether a part of an optimiser's state has a number for each entry of the weights."""
    return isinstance(value, Tensor) and value.shape == like.shape


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
