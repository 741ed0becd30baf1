"""Mistakes in a module of the user's that leave a mark: seen in its first step, and undone without touching its code.

While `training_step` runs a `TorchFunctionMode` sees each function of torch that it calls, and in a fork calls another
in its place: cross-entropy of the logarithm where it was given probabilities, softmax along the classes where it was
taken over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from itertools import combinations
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from initlab.monitor.parameter_probe import held_by
from initlab.proof.fork import SIZES, Change, listed

SOFTMAXES = (torch.softmax, Tensor.softmax, F.softmax, torch.log_softmax, Tensor.log_softmax, F.log_softmax)
DETACHES = (Tensor.detach, torch.detach)
DIFFERENCES = (
    F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, torch.sub, Tensor.sub, Tensor.__sub__, Tensor.__rsub__
)  # fmt: skip
OVER_BATCH = "the softmax over the classes"
LEAST = 1e-30  # a probability whose logarithm is still a number in float32

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def _log_of_probabilities(call: Call) -> Call | None:
    """Cross-entropy, or `nll_loss`, of probabilities along dimension 1."""
    func, args, kwargs = call
    if func not in (F.cross_entropy, F.nll_loss) or not args or not _are_probabilities(args[0], 1):
        return None
    return func, (args[0].clamp_min(LEAST).log(), *args[1:]), kwargs


def _logits_of_shares(call: Call) -> Call | None:
    """A sigmoid before the loss that has one, or a softmax."""
    func, args, kwargs = call
    if func not in (F.binary_cross_entropy_with_logits, F.cross_entropy) or not args or args[0].numel() < 2:
        return None
    if args[0].min() < 0 or args[0].max() > 1 or any(_are_probabilities(args[0], dim) for dim in range(args[0].ndim)):
        return None
    if func is F.cross_entropy and args[0].min() == 0:  # of a ReLU
        return None
    return func, (args[0].clamp(1e-6, 1 - 1e-6).logit(), *args[1:]), kwargs


def _along_the_classes(call: Call) -> Call | None:
    """Softmax of [batch, classes] over the batch."""
    func, args, kwargs = call
    if func not in SOFTMAXES or not isinstance(args[0], Tensor) or args[0].ndim != 2:
        return None
    if (args[1] if len(args) > 1 else kwargs.get("dim")) not in (0, -2):
        return None
    return func, (args[0],), {name: value for name, value in kwargs.items() if name != "dim"} | {"dim": 1}


def _attached(call: Call) -> Call | None:
    func, args, _ = call
    return (lambda x: x, args[:1], {}) if func in DETACHES and args[0].requires_grad else None


def _with_gradient(call: Call) -> Call | None:
    """`torch.no_grad()` has no public name to be known by; under another one it is not seen."""
    func, args, _ = call
    return (lambda: None, (), {}) if getattr(func, "__name__", "") == "_set_grad_enabled" and args == (False,) else None


def _of_one_shape(call: Call) -> Call | None:
    """Predictions [batch, 1] with targets [batch], or the reverse, of which the one is broadcast along the other."""
    func, args, kwargs = call
    if func not in DIFFERENCES or len(args) < 2 or not all(isinstance(x, Tensor) for x in args[:2]):
        return None
    a, b = args[:2]
    if {a.ndim, b.ndim} != {1, 2} or a.numel() != b.numel() or 1 not in (a.shape[-1], b.shape[-1]) or a.numel() < 2:
        return None
    return (func, (a, b.reshape(a.shape), *args[2:]), kwargs) if a.requires_grad or b.requires_grad else None


def _are_probabilities(x: Any, dim: int) -> bool:
    if not isinstance(x, Tensor) or x.ndim <= dim or not x.is_floating_point():
        return False
    with torch.no_grad():
        sums = x.sum(dim)
        return bool((x >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)


REWRITES: dict[str, Callable[[Call], Call | None]] = {
    "the cross-entropy of log(p)": _log_of_probabilities,
    "logits before the loss": _logits_of_shares,
    OVER_BATCH: _along_the_classes,
    "targets in the shape of the predictions": _of_one_shape,
    "no detach()": _attached,
    "no no_grad()": _with_gradient,
}
CUT_OFF = ("no detach()", "no no_grad()")  # harmless where every parameter has a gradient
SAYS = {  # what the change accuses
    "the cross-entropy of log(p)": "a softmax before the cross-entropy, which takes one itself: it gets probabilities",
    "logits before the loss": "a sigmoid before a loss that has one, or a softmax",
    OVER_BATCH: "a softmax over the batch, dimension 0, instead of the classes",
    "targets in the shape of the predictions": "a loss on the wrong axis: predictions [batch, 1] and targets [batch], "
    "or the reverse, each prediction against all targets",
    "no no_grad()": "a no_grad() that cuts off {names}, which gets no gradient",
    "no detach()": "a detach() that cuts off {names}, which gets no gradient",
    "all parameters unfrozen": "frozen parameters: {names}",
    "all parameters given to the optimiser": "parameters that the optimiser was not given: {names}",
}


class _Mode(TorchFunctionMode):
    """Calls through `rewrite`, which gives another call or None; `seen` counts by name what it would have changed."""

    def __init__(self, rewrites: Sequence[str], only_look: bool) -> None:
        super().__init__()
        self.rewrites, self.only_look = rewrites, only_look
        self.seen: dict[str, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        call: Call = (func, args, kwargs or {})
        for name in self.rewrites:
            other = REWRITES[name](call)
            if other is not None:
                self.seen[name] = self.seen.get(name, 0) + 1
                call = call if self.only_look else other
        func, args, kwargs = call
        return func(*args, **kwargs)


class InMode(L.Callback):
    """With these rewrites in each training step."""

    def __init__(self, *rewrites: str, only_look: bool = False) -> None:
        self.mode = _Mode(rewrites, only_look)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        plain = pl_module.training_step

        @wraps(plain)
        def training_step(*args: Any, **kwargs: Any) -> Any:
            with self.mode:
                return plain(*args, **kwargs)

        pl_module.training_step = training_step


class Look(InMode):
    """Of the first step: which rewrites would apply, which parameters are frozen, get no gradient, or are in no
    optimiser."""

    def __init__(self) -> None:
        super().__init__(*REWRITES, only_look=True)
        self.frozen: list[str] = []
        self.cut_off: list[str] = []
        self.left_out: list[str] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        known = held_by(*trainer.optimizers)
        named = list(pl_module.named_parameters())
        self.frozen = [name for name, p in named if not p.requires_grad]
        self.left_out = [name for name, p in named if p.requires_grad and id(p) not in known]
        self.cut_off = [name for name, p in named if p.requires_grad]  # until the loss is found to have a gradient

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.global_step == 0:
            self.cut_off = [n for n, p in pl_module.named_parameters() if p.requires_grad and p.grad is None]

    def changes(self) -> list[Change]:
        """One for each mistake that left its mark."""
        found = [(name, self.cut_off) for name in REWRITES if self.mode.seen.get(name)]
        found = [(name, names) for name, names in found if name not in CUT_OFF or names]
        changes = [_rewritten(name, names) for name, names in found]
        for name, names, applies in (
            ("all parameters unfrozen", self.frozen, Unfrozen),
            ("all parameters given to the optimiser", self.left_out, GivenToTheOptimizer),
        ):
            if names:
                changes.append(Change("bug", (name,), SIZES["bug"] + 0.01, applies, _says(name, names)))
        return changes


def bug_pairs(found: Sequence[Change]) -> list[Change]:
    """Two mistakes of those found, or a softmax over the batch and before a loss that takes one: before the first is
    undone nothing shows the second."""
    hidden = [_rewritten("the cross-entropy of log(p)")] if any(OVER_BATCH in bug.words for bug in found) else []
    return [one + other for one, other in combinations([*found, *hidden], 2) if one != other]


def _rewritten(name: str, names: Sequence[str] = ()) -> Change:
    return Change("bug", (name,), SIZES["bug"], partial(InMode, name), _says(name, names))


class Unfrozen(L.Callback):
    """Every parameter trains."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        pl_module.requires_grad_(True)


class GivenToTheOptimizer(L.Callback):
    """The first optimiser gets those that none has."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        known = held_by(*trainer.optimizers)
        left = [p for p in pl_module.parameters() if id(p) not in known]
        if left and trainer.optimizers:
            trainer.optimizers[0].add_param_group({"params": left})


def _says(name: str, names: Sequence[str]) -> str:
    return SAYS[name].format(names=listed(names))
