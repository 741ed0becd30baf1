"""How one watches activations without this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle


class Hooked(L.Callback):
    """Forward hooks on every layer, through the whole fit."""

    def __init__(self) -> None:
        self.stats: dict[str, list[Any]] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._handles: list[RemovableHandle] = []
        for name, module in pl_module.named_modules():
            if name and next(module.children(), None) is None:
                self._handles.append(module.register_forward_hook(self._hook(self.stats.setdefault(name, []))))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, stats: list[Any]) -> Callable[..., None]:
        def hook(module: torch.nn.Module, inputs: Any, output: Tensor) -> None:
            stats.append(self.look(output.detach()))

        return hook

    def look(self, x: Tensor) -> Any:
        raise NotImplementedError


class NaiveHooks(Hooked):
    """What everybody writes first: (mean, std) as Python numbers."""

    def look(self, x: Tensor) -> tuple[float, float]:
        return x.mean().item(), x.std().item()


class FastaiStyle(Hooked):
    """As fastai's and miniai's ActivationStats: mean, std and a histogram of |x|, 40 bins from 0 to 10, on the CPU."""

    def look(self, x: Tensor) -> tuple[float, float, Tensor]:
        return x.mean().item(), x.std().item(), x.cpu().float().abs().histc(40, 0, 10)
