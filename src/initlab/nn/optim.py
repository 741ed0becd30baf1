"""Stochastic gradient descent."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from initlab.checks.rules import check


class SGD(Optimizer):
    """v <- momentum v + grad + weight_decay w + l1 sign(w), then w <- w - lr v; v starts at 0.

    Step for step and bit for bit `torch.optim.SGD` when `lr` is a float and `l1` 0. `weight_decay` is the
    lambda of the penalty lambda / 2 |w|^2 (d2l 3.7), `l1` that of lambda |w|_1; both act on every parameter
    of the group, biases too. `lr` may be a tensor that broadcasts against each parameter of its group, such
    as [models, 1, 1] for a stack of weights [models, outputs, inputs]; a torch scheduler needs a float.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        for number in [lr.min().item(), lr.max().item()] if isinstance(lr, Tensor) else [lr]:
            check("optimizer.lr", number)
        check("optimizer.momentum", momentum)
        check("optimizer.weight_decay", weight_decay)
        check("optimizer.l1", l1)
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "l1": l1})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step for every parameter that has a gradient; returns what the closure (if any) returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.update()
        return loss

    @torch.no_grad()
    def update(self) -> None:
        """The step alone, without the profiler's record and the hooks that torch puts around `step`."""
        for group in self.param_groups:
            lr = group["lr"]
            for w in group["params"]:
                if w.grad is None:
                    continue
                direction = self._direction(w, group)
                if isinstance(lr, Tensor):
                    w.addcmul_(direction, lr, value=-1)
                else:
                    w.add_(direction, alpha=-lr)

    def _direction(self, w: Tensor, group: dict[str, Any]) -> Tensor:
        direction: Tensor = w.grad  # type: ignore[assignment]
        if group["weight_decay"]:
            direction = direction.add(w, alpha=group["weight_decay"])
        if group["l1"]:
            direction = direction.add(w.sign(), alpha=group["l1"])
        if not group["momentum"]:
            return direction
        state = self.state[w]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = direction.clone()
        else:
            state["momentum_buffer"].mul_(group["momentum"]).add_(direction)
        return state["momentum_buffer"]
