"""The network of a run, its weights drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
from omegaconf import DictConfig, OmegaConf

from initlab.build import build
from initlab.checks.memory import check_model
from initlab.data import TensorDataModule
from initlab.init import Scheme, initialize, layers_for
from initlab.init.scheme import Dense
from initlab.limits import kind_of
from initlab.models import Module
from initlab.seeds import generator


@dataclass(frozen=True)
class Network:
    """layers: the dense ones, by name, in the order in which `scheme` counts them; notes: lines about the draw."""

    model: L.LightningModule
    scheme: Scheme
    layers: Sequence[tuple[str, Dense]]
    notes: Sequence[str]


def build_network(cfg: DictConfig, data: Any) -> Network:
    """The model for these data, its weights drawn by `cfg.init` from a generator of their own."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    num_rows = len(data.splits.train[1]) if isinstance(data, TensorDataModule) else plain["data"].get("batch_size", 1)
    check_model(plain, data.num_inputs, data.num_outputs, num_rows)
    model = build(
        cfg,
        "model",
        num_inputs=data.num_inputs,
        num_outputs=data.num_outputs,
        optimizer=build(cfg, "optimizer"),
        scheduler=build(cfg, "scheduler"),
    )

    def some_inputs() -> Any:
        return next(iter(data.train_dataloader()))[0]

    scheme = build(cfg, "init")
    report = initialize(model, scheme, generator=generator("init", cfg.init_seed), batch=some_inputs)
    layers = layers_for(scheme, model, some_inputs)
    widths = [layers[0][1].weight.shape[1], *(layer.weight.shape[0] for _, layer in layers)]
    notes = scheme.notes(widths, kind_of(cfg.optimizer._target_.rsplit(".", 1)[-1]), report)
    if isinstance(model, Module):  # a model of the user's own makes its optimiser
        model.use_step_sizes(scheme, some_inputs)
    return Network(model, scheme, layers, notes)
