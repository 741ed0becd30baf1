"""The network of a run, its weights drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
from lightning.pytorch.utilities.seed import isolate_rng
from omegaconf import DictConfig, OmegaConf

from initlab.build import build
from initlab.checks.memory import check_model
from initlab.checks.shipped_class import optimizer_kind
from initlab.data import TensorDataModule
from initlab.init import Report, Scheme, initialize, step_size_factors
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
        with isolate_rng():  # a loader that shuffles takes numbers
            return next(iter(data.train_dataloader()))

    scheme = build(cfg, "init")
    report = initialize(model, scheme, generator=generator("init", cfg.init_seed), batch=some_inputs)
    dense = [row for row in report.weights if row.kind == "Linear"]
    chain = dense if dense == report.weights else []
    widths = [*(row.fan_in for row in chain[:1]), *(row.fan_out or 0 for row in chain)]
    kind = optimizer_kind(cfg.optimizer._target_)
    notes = scheme.notes(widths, kind, report.fitted)
    notes += [f"init      {line}" for line in (*report.notes, report.left_alone_line()) if line]
    if isinstance(model, Module):
        model.use_step_sizes(scheme, some_inputs)
    elif set(step_size_factors(model, scheme, kind, some_inputs).values()) - {1.0}:
        notes.append(
            f"init      {type(model).__name__} makes its optimiser: initlab.init.with_step_sizes for these rates"
        )
    return Network(model, scheme, report, notes)
