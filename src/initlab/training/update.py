"""What a call of Lightning's training_step does: an update, or several in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning as L
from torch import Tensor

from initlab.training.several_updates import SeveralUpdates
from initlab.training.stretches import Batch, Stretch

Output = tuple[Tensor, Tensor, Tensor]  # of an update: loss (0-d), y_hat, y


class Updating(L.LightningModule):
    """A model that Lightning trains, one update a call; or, with `SeveralUpdates` among the trainer's plugins, that
    makes its updates itself, several for a stretch of batches."""

    _several = False

    def forward_and_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """y_hat and the mean loss, 0-d, with what `backward` needs kept."""
        raise NotImplementedError

    def count_outputs(self, outputs: Sequence[Output]) -> None:
        """Add what batches gave to the metrics of the epoch."""
        raise NotImplementedError

    def configure_callbacks(self) -> list[L.Callback]:
        """None. It is the first hook of a fit: here the model learns from the trainer who makes the updates."""
        several = isinstance(self.trainer.precision_plugin, SeveralUpdates)
        if self.trainer.state.fn == "fit" and (several or self._several):
            self._several, self.automatic_optimization = several, not several
        return []

    def training_step(self, batch: Batch | Stretch, batch_idx: int) -> Tensor:
        """The loss, of a stretch that of its last batch."""
        if isinstance(batch, Stretch):
            return self._several_updates(batch)
        if self.automatic_optimization:
            return self._loss(batch)
        return self._one_update(self._ready(batch))

    def _loss(self, batch: Batch) -> Tensor:
        y_hat, loss = self.forward_and_loss(batch)
        self.count_outputs([(loss.detach(), y_hat.detach(), batch[1])])
        return loss

    def _one_update(self, batch: Batch) -> Tensor:
        """With all hooks, in the order of automatic optimisation."""
        optimizer = self.optimizers()
        with self.trainer.precision_plugin.forward_context():
            loss = self._loss(batch)
        for callback in self.trainer.callbacks:  # the one hook that Lightning leaves to the model here
            callback.on_before_zero_grad(self.trainer, self, optimizer.optimizer)
        self.on_before_zero_grad(optimizer.optimizer)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self._step_schedulers()
        return loss

    def _several_updates(self, stretch: Stretch) -> Tensor:
        """No callback looks at these, so none is called."""
        several: Any = self.trainer.precision_plugin
        optimizer, forward_context = self.optimizers(), several.forward_context
        together = several.meeting.train(self, stretch) if several.meeting else None
        if together is not None:
            for _ in stretch.rows:
                optimizer.step(made=True)
            return together
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        outputs = []
        for batch in stretch:
            batch = self._ready(batch)
            with forward_context():
                y_hat, loss = self.forward_and_loss(batch)
            for parameter in parameters:  # as zero_grad, which takes 30 us
                parameter.grad = None
            self.backward(loss)
            optimizer.step(unwatched=True)
            self._step_schedulers()
            outputs.append((loss.detach(), y_hat.detach(), batch[1]))
        self.count_outputs(outputs)
        return outputs[-1][0]

    def _ready(self, batch: Batch) -> Batch:
        """In the run's precision: of a stretch Lightning has not seen the batches."""
        plugin = self.trainer.precision_plugin
        return plugin.ready(batch) if isinstance(plugin, SeveralUpdates) else batch

    def _step_schedulers(self) -> None:
        for config in self.trainer.lr_scheduler_configs:
            config.scheduler.step()
