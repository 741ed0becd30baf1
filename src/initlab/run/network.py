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
from initlab.init import Report, Scheme, initialize, inputs_of
from initlab.limits import kind_of
from initlab.models import Module
from initlab.seeds import generator


@dataclass(frozen=True)
class Network:
    """report: what the draw did, in the order in which `scheme` counts the layers; notes: lines about it."""

    model: L.LightningModule
    scheme: Scheme
    report: Report
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
        return inputs_of(model, next(iter(data.train_dataloader())))

    scheme = build(cfg, "init")
    report = initialize(model, scheme, generator=generator("init", cfg.init_seed), batch=some_inputs)
    chain = [row for row in report.weights if row.kind == "Linear"] == report.weights
    widths = [report.weights[0].fan_in, *(row.fan_out or 0 for row in report.weights)] if chain else []
    notes = scheme.notes(widths, kind_of(cfg.optimizer._target_.rsplit(".", 1)[-1]), report.fitted)
    others = report.left_alone_line()
    notes = [*notes, *report.notes, *([f"init      {others}"] if others else [])]
    if isinstance(model, Module):  # a model of the user's own makes its optimiser
        model.use_step_sizes(scheme, some_inputs)
    return Network(model, scheme, report, notes)
