"""What every model here shares: its loss, exact epoch metrics, its optimiser. d2l's Module, on Lightning.

`initlab.training` makes the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from initlab import nn
from initlab.checks.rules import check, check_by_hand
from initlab.errors import UserError
from initlab.init import Scheme, with_step_sizes
from initlab.models.parts import PARTS
from initlab.models.sums import Sums
from initlab.runs.checkpoint_io import load_model
from initlab.training import Output, Stretch, Stretches, Updating

Batch = tuple[Tensor, Tensor]
OptimizerFactory = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
SchedulerFactory = Callable[..., torch.optim.lr_scheduler.LRScheduler]


class Module(Updating):
    """A network with a loss.

    Subclasses give `forward`, `loss` and, if they have more than the loss to report, `figures`.

    Args:
        optimizer: parameters in, optimiser out; None: `partial(nn.SGD, lr=0.1)`.
        scheduler: `(optimizer, num_steps=, steps_per_epoch=)` in, scheduler out, stepped after every update.
        backward: "autograd", or "manual": by `initlab.nn.Chain`, on one device, in full precision, of layers from
            scratch.

    None is a hyper-parameter: a checkpoint holds tensors and plain values only, so it loads weights-only and alone.
    """

    task: ClassVar[str]
    activation: str = "identity"  # between the layers; the gain of an initialisation follows it

    def __init__(
        self,
        *,
        optimizer: OptimizerFactory | None = None,
        scheduler: SchedulerFactory | None = None,
        backward: str = "autograd",
    ) -> None:
        super().__init__()
        check("model.backward", backward)
        self._by_hand = backward == "manual"
        self._chain: nn.Chain | None = None  # from the beginning of the fit on
        self._gradient: Tensor  # d loss / d y_hat of the latest batch
        self.make_optimizer = optimizer or partial(nn.SGD, lr=0.1)
        self.make_scheduler = scheduler
        self._sums = {"train": Sums(), "val": Sums(), "test": Sums()}
        self.latest: dict[str, float] = {}  # every metric's last value, in full precision (Lightning keeps float32)
        self._row: dict[str, float] = {}  # those of this epoch

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """The mean loss over the batch, a 0-d tensor."""
        raise NotImplementedError

    def loss_and_gradient(self, y_hat: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The loss and, for the backward pass by hand, d loss / d y_hat, of the shape of y_hat."""
        raise NotImplementedError

    def chain(self) -> Sequence[torch.nn.Module]:
        """The layers in the order in which they are applied to X.flatten(1), for the backward pass by hand."""
        raise NotImplementedError

    def figures(self, y_hat: Tensor, y: Tensor) -> dict[str, Tensor]:
        """By name, further figures of the batch, each summed over its examples."""
        return {}

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what is reported each epoch for train, val and test."""
        return ("loss",)

    def validation_step(self, batch: Batch | Stretch, batch_idx: int) -> None:
        """Of a stretch, whose batches are those of the whole split, at a meeting."""
        if not isinstance(batch, Stretch):
            self._evaluate("val", batch)
            return
        several: Any = self.trainer.precision_plugin
        if not several.meeting.evaluate(self, "val", batch):
            for rows in batch.rows:
                self._evaluate("val", several.ready(batch.take(rows)))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("test", batch)

    def _evaluate(self, split: str, batch: Batch) -> None:
        y_hat, loss = self.predict(batch)
        self.count(split, len(y_hat), self.summed(loss * len(y_hat), y_hat, batch[1]))

    def predict(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """y_hat and the mean loss, a 0-d tensor."""
        X, y = batch
        y_hat = self(X)
        return y_hat, self.loss(y_hat, y)

    def forward_and_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `predict`, with what `backward` needs kept: in autograd's graph or, by hand, in the chain."""
        if self._chain is None:
            return self.predict(batch)
        X, y = batch
        y_hat = self._chain.forward(nn.flat(X, self._chain.modules[0]))
        with torch.no_grad():
            loss, self._gradient = self.loss_and_gradient(y_hat, y)
        return y_hat, loss

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Put the gradients of the loss that `forward_and_loss` gave into `.grad`."""
        if self._chain is None:
            super().backward(loss, *args, **kwargs)
        else:
            parts = self.trainer.accumulate_grad_batches if self._trainer else 1
            self._chain.backward(self._gradient if parts == 1 else self._gradient / parts)

    @property
    def by_hand(self) -> bool:
        """Whether the backward pass is."""
        return self._by_hand

    @property
    def hooks_of_backward_by_hand(self) -> list[Callable[[torch.nn.Module, Tensor], None]] | None:
        """By hand: called in the backward pass with each layer and d loss / d (its output); None: ask autograd."""
        return None if self._chain is None else self._chain.hooks

    @torch.no_grad()
    def summed(self, losses: Tensor, y_hat: Tensor, y: Tensor) -> dict[str, Tensor]:
        """What batches add to an epoch, by name: the summed loss of each, of any shape, and the figures of all."""
        return {"loss": losses, **self.figures(y_hat, y)}

    def count_outputs(self, outputs: Sequence[Output]) -> None:
        losses, y_hats, ys = zip(*outputs, strict=True)
        summed = torch.stack([loss * len(y) for loss, y in zip(losses, ys, strict=True)])
        y = torch.cat(ys)
        self.count("train", len(y), self.summed(summed, torch.cat(y_hats), y))

    def count(self, split: str, num_examples: int, sums: dict[str, Tensor]) -> None:
        """Add to the epoch's sums."""
        self._sums[split].add(num_examples, **sums)

    def setup(self, stage: str) -> None:
        self.trainer.precision_plugin.convert_module(self)  # Lightning does so after it has loaded a checkpoint
        if stage == "fit" and self._by_hand:
            check_by_hand(self.trainer.world_size, self.trainer.precision, self.hparams.get("layers", "torch"))
            self.begin_by_hand()

    def begin_by_hand(self) -> None:
        """From now on backward is by the chain of these very layers, where it is by hand."""
        if self._by_hand:
            self._chain = nn.Chain(self.chain())

    def on_train_epoch_start(self) -> None:
        self._sums["train"] = Sums()
        self._row = {}

    def on_validation_epoch_start(self) -> None:
        self._sums["val"] = Sums()

    def on_test_epoch_start(self) -> None:
        self._sums["test"] = Sums()

    def on_validation_epoch_end(self) -> None:
        """For the choice of the best checkpoint; the loggers get one row, at the epoch's end."""
        self._report("val")

    def on_train_epoch_end(self) -> None:
        self._report("train")
        self._row |= self.epoch_figures() | {"lr": self.trainer.optimizers[0].param_groups[0]["lr"]}
        self.latest |= self._row
        for logger in self.trainer.loggers:
            logger.log_metrics(self._row | {"epoch": self.current_epoch}, step=self.global_step)

    def on_test_epoch_end(self) -> None:
        self._report("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The epoch so far, so that its means are those of all its batches when the run resumes."""
        sums = self._sums["train"].of_all(self.trainer).state_dict()
        checkpoint["figures"] = {"sums": sums, "row": self._row, "latest": self.latest}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self._trainer is not None and self.trainer.state.fn == "fit" and "figures" in checkpoint:
            figures = checkpoint["figures"]
            self._sums["train"].load_state_dict(figures["sums"], self.trainer)
            self._row, self.latest = dict(figures["row"]), dict(figures["latest"])

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, **more: Any) -> Any:
        """The model of a checkpoint, whole and of plain values: nothing in the file is run."""
        return load_model(super().load_from_checkpoint, checkpoint_path, **more)

    def epoch_figures(self) -> dict[str, float]:
        """By name, what else belongs in an epoch's row."""
        return {}

    def _report(self, split: str) -> None:
        if self.trainer.sanity_checking:  # of weights before any training
            return
        means = {f"{split}/{name}": value for name, value in self._sums[split].of_all(self.trainer).means().items()}
        self.latest |= means
        self._row |= means
        self.log_dict(means, logger=False, sync_dist=True)  # for the choice of the best; equal in all processes

    def use_step_sizes(self, scheme: Scheme, batch: Callable[[], Any] | None = None) -> None:
        """Step as `scheme` asks (`init.MuP` does): a parameter group for each factor on the optimiser's lr. `batch`
        gives inputs, for the order of the layers."""
        self.make_optimizer = with_step_sizes(self.make_optimizer, self, scheme, batch)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.parameters())
        if self.make_scheduler is None:
            return optimizer
        num_steps = self.trainer.estimated_stepping_batches
        num_batches, loader = self.trainer.num_training_batches, self.trainer.train_dataloader
        if isinstance(loader, Stretches):
            num_batches = len(loader.batches)
            limits = num_batches * (self.trainer.max_epochs or -1), self.trainer.max_steps
            num_steps = min((limit for limit in limits if limit > 0), default=math.inf)
        steps_per_epoch = math.ceil(num_batches / self.trainer.accumulate_grad_batches)
        if math.isinf(num_steps):
            raise UserError("trainer.max_epochs=-1: a scheduler plans for the whole run; set it, or trainer.max_steps")
        scheduler = self.make_scheduler(optimizer, num_steps=int(num_steps), steps_per_epoch=steps_per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Regressor(Module):
    """A model whose output is a number: y and y_hat are [batch, outputs]. Its hyper-parameters `loss` and `layers` say
    which squared error it has."""

    task = "regression"

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        return self._share * PARTS[self.hparams["layers"]].squared_error(y_hat, y)

    def loss_and_gradient(self, y_hat: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        error, gradient = nn.squared_error_and_gradient(y_hat, y)
        return self._share * error, self._share * gradient

    @property
    def _share(self) -> float:
        return 0.5 if self.hparams["loss"] == "half_squared_error" else 1.0


class Classifier(Module):
    """A model whose output is a logit for each class: y_hat is [batch, classes], y [batch] of class indices."""

    task = "classification"

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        return PARTS[self.hparams["layers"]].cross_entropy(y_hat, y)

    def loss_and_gradient(self, y_hat: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return nn.cross_entropy_and_gradient(y_hat, y)

    def figures(self, y_hat: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"acc": (y_hat.argmax(dim=1) == y).sum()}

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "acc")
