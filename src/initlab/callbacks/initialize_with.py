"""A model's weights drawn at the start of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import CombinedLoader
from lightning.pytorch.utilities.seed import isolate_rng

from initlab.batch import as_step_takes_it
from initlab.console import say
from initlab.errors import UserError
from initlab.init import Report, Scheme, initialize
from initlab.seeds import generator


class InitializeWith(L.Callback):
    """`initlab.initialize` before the first update of a fit that starts from step 0; one that resumes from a
    checkpoint, or continues, keeps its weights. All processes start with the same ones.

    scheme: a scheme, or the name of a file in configs/init.
    seed: of the draw, which takes no numbers of any other.
    batch: for the forward pass, as `initialize` takes it; None: the first training batch.
    verbose: print one line about the draw and one about what was left alone.

    `report` is what `initialize` returned.
    """

    def __init__(
        self, scheme: Scheme | str = "kaiming", seed: int = 0, *, batch: Any = None, verbose: bool = True
    ) -> None:
        if not isinstance(scheme, (Scheme, str)):
            raise UserError(
                f"InitializeWith({scheme!r}): give a scheme of initlab.init, or the name of one, such as kaiming"
            )
        self.scheme, self.seed, self.batch, self.verbose = scheme, seed, batch, verbose
        self.report: Report | None = None

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.ckpt_path is not None or trainer.global_step > 0:
            return
        if self.batch is None and trainer.datamodule is None:
            trainer.fit_loop.setup_data()  # the loaders, which Lightning makes when the first epoch begins
        with isolate_rng():
            batch = self.batch if self.batch is not None else lambda: _first_batch(trainer)
            self.report = initialize(pl_module, self.scheme, generator=generator("init", self.seed), batch=batch)
        if trainer.world_size > 1:  # the data of one process may have decided
            parameters = list(pl_module.parameters())
            values = trainer.strategy.broadcast([parameter.detach().cpu() for parameter in parameters])
            for parameter, value in zip(parameters, values, strict=True):
                parameter.data.copy_(value)
        if self.verbose and trainer.is_global_zero:
            for line in summary(self.report):
                say(line, "init")


def summary(report: Report) -> list[str]:
    """What it drew, and what not."""
    number = len(report.weights)
    drawn = f"{report.scheme}: {number} weight{'s' if number != 1 else ''} drawn"
    return [f"{drawn}; {others}" if (others := report.left_alone_line()) else drawn, *report.notes]


def _first_batch(trainer: L.Trainer) -> Any:
    """As `training_step` gets it: of each loader, where there are several."""
    data = trainer.datamodule
    loader = trainer.train_dataloader if data is None else data.train_dataloader()
    if loader is None:
        raise UserError("there is no batch, as this fit trains on none")
    combined = loader if isinstance(loader, CombinedLoader) else CombinedLoader(loader)
    states = [(one, one.get_state()) for one in _generators(combined.flattened)]
    batch, _, _ = next(iter(combined))
    for one, state in states:  # else the order of the fit's batches would be another
        one.set_state(state)
    return as_step_takes_it(trainer, batch)


def _generators(loaders: Sequence[Any]) -> list[torch.Generator]:
    """That loaders and their samplers have of their own."""
    samplers = [getattr(one, name, None) for one in loaders for name in ("sampler", "batch_sampler")]
    owners = [*loaders, *samplers, *(getattr(one, "sampler", None) for one in samplers)]
    found = [getattr(one, "generator", None) for one in owners]
    return [one for one in found if isinstance(one, torch.Generator)]
