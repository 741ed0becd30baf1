"""Why a fit learned nothing, at its end: one line in any Lightning project."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from initlab.batch import as_step_takes_it
from initlab.checks.rule import check_value, whole
from initlab.console import say
from initlab.limits import kind_of
from initlab.numbers import shown
from initlab.process.settings import process_left_as_it_was
from initlab.proof.bugs import Look
from initlab.proof.conclusion import Evidence, Explanation, conclude
from initlab.proof.copies import SHARED, is_real_copy, left_as_it_was, module_copy, named_tensors
from initlab.proof.fork import AS_IT_WAS, LAST, Change, Fork
from initlab.proof.labels import Labels, labels_of
from initlab.proof.losses import UpdateLoss, makes_update
from initlab.proof.module_changes import AtRate, inputs_of_tape, module_changes, module_pairs, targets_of_tape
from initlab.proof.order import Order, order_of
from initlab.proof.replay import Tape, replayed, trainer_settings
from initlab.proof.search import Search
from initlab.runs.atomic import write_json

EVERY = 10  # steps, after the first: losses that the end is judged by
SEEN = 0.9  # a fall to this share is seen without a rule
NO_LOSS = "return it, or a dict with it as `loss`"


class Explain(L.Callback):
    """`Trainer(callbacks=[Explain()])` on any LightningModule: a fit that learned nothing ends with three sentences
    that say why; one that learned ends as ever.

    A copy of the module is kept from before the first update, and copies of the batches of the first `steps` updates
    (up to a GiB). Where the loss has not come down to half of what it was (and of guessing, where the batches are pairs
    of inputs and class numbers), the module is trained again from that copy on those batches, as it was and with one
    thing changed: drawn again, other learning rates, Adam, another activation, normalised inputs, no weight decay; a
    softmax before the cross-entropy or over the batch, a loss on the wrong axis, a `detach()`, frozen or forgotten
    parameters, sorted rows, a constant column, where there are such. What makes it train is tried again with the
    batches in three other orders. That takes some thirty times `steps` updates. A fit whose first loss has no gradient
    fails as ever, after a sentence that names the mistake without which it has one.

    The fit itself, its weights, optimisers and random numbers, are left as they are; an error here never ends it. Not
    for several processes, nor for a fit that continues another, nor where a copy of the module still uses the module
    (a lambda in it, a method that was compiled by itself), or `training_step` returns no loss.

    `explanation` is what was found; None: there was nothing to explain. With a `folder` it is written there too, to
    explanation.json.
    """

    def __init__(self, steps: int = 100, *, folder: str | Path | None = None) -> None:
        check_value("Explain: steps", steps, whole(20))
        self.steps, self.folder = steps, folder
        self.explanation: Explanation | None = None
        self._tape: Tape | None = None
        self._first: list[Tensor] = []  # losses of updates
        self._last: deque[Tensor] = deque(maxlen=LAST)
        self._forget()

    def _forget(self) -> None:
        self.__dict__.update(self._of_no_fit())

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to a fit."""
        return vars(self) | self._of_no_fit()

    def _of_no_fit(self) -> dict[str, Any]:
        return {
            "_tape": None, "_began": False, "_update": UpdateLoss(), "_first": [], "_last": deque(maxlen=LAST),
            "_loader": None,
        }  # fmt: skip

    def looks_at(self, step: int) -> bool:
        return step < self.steps or step % EVERY == 0

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._forget()
        self.explanation = None
        if trainer.global_step > 0 or trainer.ckpt_path is not None or trainer.world_size > 1:
            return
        try:
            module, without = module_copy(pl_module)
            self._tape = Tape(module, trainer_settings(trainer), 0, without=without)
        except Exception as error:
            say(f"this module cannot be copied, so the fit will not be explained: {_line(error)}", "explain")

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._tape is None:
            return
        batches = trainer.num_training_batches
        self._tape.epoch = int(batches) if math.isfinite(batches) else self.steps * trainer.accumulate_grad_batches
        self._loader = trainer.train_dataloader
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        lr = groups[0].get("initial_lr", groups[0].get("lr")) if groups else 0.0
        self._lr = float(lr) if isinstance(lr, (int, float, Tensor)) else 0.0
        self._decays = any(group.get("weight_decay") for group in groups)
        self._scale_free = kind_of(*map(type, trainer.optimizers)) == "adam"

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        tape = self._tape
        if tape is not None and tape.steps < self.steps and not tape.full:
            tape.start = tape.start or _state_of(pl_module)
            tape.add(batch)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        tape, self._began = self._tape, True
        if tape is None:
            return
        tape.trained = len(tape.batches)
        if trainer.is_last_batch and trainer.current_epoch == 0:
            tape.epoch = batch_idx + 1  # which a loader without a length does not say before
        tape.steps += makes_update(trainer, batch_idx) and tape.steps < self.steps and not tape.full
        loss = self._update.of(trainer, outputs, batch_idx)
        if loss is not None:
            self._last.append(loss)
            if len(self._first) < self.steps:
                self._first.append(loss)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        tape, first, last = self._tape, [float(loss) for loss in self._first], [float(loss) for loss in self._last]
        loader = self._loader
        self._forget()
        if tape is None or tape.steps < LAST:
            return
        if not first:
            say(f"training_step returns no loss, so it cannot be told whether the fit learned: {NO_LOSS}", "explain")
            return
        try:
            with process_left_as_it_was():
                order = order_of(loader, len(tape.batches), tape.batches, partial(as_step_takes_it, trainer))
                self.explanation = self._explained(trainer, pl_module, tape, order, first, last)
        except Exception as error:
            say(f"the fit could not be explained: {_line(error)}", "explain")
            return
        if self.explanation is None:
            return
        for sentence in (*self.explanation.notes, *self.explanation.says):
            say(sentence, "why")
        if self.folder is not None:
            write_json(Path(self.folder) / "explanation.json", self.explanation.record(), indent=None)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """The first step, where its loss has no gradient to any parameter: with which mistake undone it is made."""
        tape, began = self._tape, self._began
        self._forget()
        if tape is None or began or not tape.batches or not isinstance(exception, RuntimeError):
            return
        tape.trainer |= {"accumulate_grad_batches": 1, "callbacks": []}
        try:
            with process_left_as_it_was(), left_as_it_was(pl_module, trainer) as touched:
                if not is_real_copy(tape, pl_module, touched):
                    return
                for bug in _mistakes(tape):
                    if replayed(tape, bug, math.inf, steps=1).losses:
                        say(f"The first step fails because of {bug.cause}; with {bug.name} it is made.", "why")
        except Exception as error:
            say(f"the fit could not be explained: {_line(error)}", "explain")

    def _explained(
        self, trainer: L.Trainer, module: L.LightningModule, tape: Tape, order: Order | None, first: list[float],
        last: list[float],
    ) -> Explanation | None:  # fmt: skip
        mixed = replace(tape, batches=order.batches[: len(tape.batches)]) if order else tape
        X, y = inputs_of_tape(mixed), targets_of_tape(mixed)
        fit = Fork(AS_IT_WAS, [first[0], *last], _guess(y))
        if fit.trains and not order:
            return None
        with left_as_it_was(module, trainer) as touched:
            if is_real_copy(tape, module, touched):
                if order:
                    fit = replace(fit, held=_losses_of(module, tape, order.held))
                if fit.trains:
                    return None
                labels = _labels(X, y, sum(len(b[0]) for b in mixed.batches[: tape.epoch]) if X is not None else 0)
                evidence = Evidence(tape.steps, [], labels, guess=fit.guess, of="orders", fell=_fall(fit))
                found = self._searched(evidence, tape, mixed, order, first)
                if not touched():
                    return found
        say(f"this module cannot be copied, so the fit is not explained: {SHARED}", "explain")
        return None

    def _searched(
        self, evidence: Evidence, tape: Tape, mixed: Tape, order: Order | None, first: list[float]
    ) -> Explanation | None:
        held = order.held if order else ()

        def fork(change: Change, seed: int) -> Fork:
            batches = mixed if change.group == "order" else tape
            return replayed(batches, change, evidence.guess, seed, steps=tape.steps, held=held)

        search = Search(evidence, fork)
        again = search.begin(dict(enumerate(first)))
        if again.error:
            say(f"the fit cannot be repeated, so it is not explained: {again.error}", "explain")
            return None
        if not again.trains:
            bugs = _mistakes(tape)
            changes = [*bugs, *module_changes(mixed, self._lr, self._decays, self._scale_free)]
            changes += [order.change()] if order else []
            search.run(changes, module_pairs(mixed, self._lr, self._scale_free, bugs))
        return conclude(evidence)


def _mistakes(tape: Tape) -> list[Change]:
    """That the first step shows."""
    look = Look()
    replayed(tape, Change("", ("look",), 0.0, lambda: look), math.inf, steps=1)
    return look.changes()


def _losses_of(module: L.LightningModule, tape: Tape, batches: Sequence[Any]) -> Sequence[float]:
    """Of a fit's module at its end: a step at rate 0, and then these."""
    trained = replace(tape, module=module_copy(module)[0], start=_state_of(module))
    rate_0 = Change("lr", ("lr=0",), 0.0, partial(AtRate, 0.0))
    return replayed(trained, rate_0, math.inf, steps=1, held=batches).held


def _state_of(module: L.LightningModule) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in named_tensors(module).items()}


def _fall(fit: Fork) -> str:
    """In words, where all losses of the end are below the first and their median is below that of guessing too."""
    if not (fit.loss <= SEEN * min(fit.losses[0], fit.guess) and max(fit.losses[1:]) < fit.losses[0]):
        return ""
    return f"The loss came down from {shown(fit.losses[0])} to {shown(fit.loss)}."


def _guess(y: Tensor | None) -> float:
    """log C of class numbers, of which the largest is taken for the last."""
    if y is None or y.is_floating_point() or y.ndim != 1 or y.dtype == torch.bool:
        return math.inf
    return math.log(int(y.max()) + 1) if int(y.max()) > 0 else math.inf


def _labels(X: Tensor | None, y: Tensor | None, rows: int) -> Labels | None:
    """Of the rows of the first epoch: in the second they come again, and would say of each other what they are."""
    if X is None or y is None or len(X) != len(y):
        return None
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(0))
    return labels_of(X[:rows].cpu()[order], y[:rows].cpu()[order])


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
