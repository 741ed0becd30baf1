"""What may be to blame, as data: which words change it, where it applies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import Any

from torch import Tensor

from initlab.checks.shipped_class import optimizer_kind
from initlab.explaining.changed import changed
from initlab.forecasting.mend import OTHERS, suited_scheme
from initlab.override import quoted
from initlab.proof.bugs import bug_pairs
from initlab.proof.columns import column_changes
from initlab.proof.fork import SIZES, Change
from initlab.proof.order import Order, Shuffled

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
SCHEMES = ("kaiming", "xavier", "orthogonal", "lsuv")
SETTINGS = {  # what a run does without: a value that changes nothing
    "optimizer.weight_decay": 0.0, "optimizer.l1": 0.0, "trainer.gradient_clip_val": None, "model.bias": True,
    "trainer.precision": "32-true", "trainer.accumulate_grad_batches": 1, "model.output_activation": "identity",
}  # fmt: skip
BATCH = 4  # times larger or smaller


@dataclass(frozen=True)
class Case:
    """The run: its config as plain values, and what is known of its data.

    inputs: training rows as the network gets them; names: of their columns, where those can be left out by name.
    """

    config: dict[str, Any]
    rows: int
    inputs: Tensor | None = None
    names: Sequence[str] = ()
    order: Order | None = None

    def get(self, key: str) -> Any:
        """None where there is no such key."""
        node: Any = self.config
        for name in key.split("."):
            node = node.get(name) if isinstance(node, dict) else None
        return node

    @property
    def suited(self) -> str:
        """The scheme for the activation; without hidden layers or of a user's model, which may have any, He's."""
        return suited_scheme(str(self.get("model.activation") or "relu"))


def _init(case: Case) -> Iterator[Change]:
    for name in sorted(SCHEMES, key=lambda name: name != case.suited):
        kind = "init" if name == case.suited else "other init"
        yield Change("init", (f"init={name}",), SIZES[kind] + 0.1 * SCHEMES.index(name))


def _branches(case: Case) -> Iterator[Change]:
    """Of a residual network, so small that their sum is of the size of one (`model.branch_scale`)."""
    depth, scale = case.get("model.depth"), case.get("model.branch_scale")
    if case.get("model.residual") is True and isinstance(depth, int) and depth > 2 and isinstance(scale, (int, float)):
        smaller = float(f"{(depth - 1) ** -0.5:.2g}")
        if smaller < scale:
            yield Change("branches", (f"model.branch_scale={smaller:g}",), SIZES["branches"])


def _lr(case: Case) -> Iterator[Change]:
    """Both directions, the nearest first in size."""
    lr = case.get("optimizer.lr")
    if not isinstance(lr, (int, float)):
        return
    key = "lr" if lr == case.get("lr") else "optimizer.lr"
    for rate in RATES:
        far = abs(math.log10(rate / lr)) if lr > 0 else 9.0
        if far > 0.01:
            yield Change("lr", (f"{key}={rate}",), SIZES["lr"] + far / 20)


def _optimizer(case: Case) -> Iterator[Change]:
    other = "sgd" if optimizer_kind(str(case.get("optimizer._target_"))) == "adam" else "adam"
    yield Change("optimizer", (f"optimizer={other}",), SIZES["optimizer"])


def _activation(case: Case) -> Iterator[Change]:
    if case.get("model.activation") is not None:
        for name in OTHERS:
            yield Change("activation", (f"model.activation={name}",), SIZES["activation"])


def _depth(case: Case) -> Iterator[Change]:
    """Half as many layers, half of those, ..."""
    listed, depth = case.get("model.num_hiddens"), case.get("model.depth")
    depth = len(listed) if isinstance(listed, list) else depth
    fewer = depth // 2 if isinstance(depth, int) else 0
    while fewer >= 1:
        first = ",".join(map(str, listed[:fewer])) if isinstance(listed, list) else ""
        word = f"model.num_hiddens=[{first}]" if first else f"model.depth={fewer}"
        yield Change("depth", (word,), SIZES["depth"] + 0.01 * (depth - fewer))
        fewer //= 2


def _order(case: Case) -> Iterator[Change]:
    if case.order:
        yield case.order.change(Shuffled)


def _columns(case: Case) -> Iterator[Change]:
    if case.inputs is None:
        return
    dropped = [str(name) for name in case.get("data.drop") or ()]
    if case.names:
        yield from column_changes(case.inputs, case.names, lambda names: f"data.drop={_listed([*dropped, *names])}")
    else:
        yield from column_changes(case.inputs, [f"column {i}" for i in range(case.inputs[0].numel())])


def _listed(names: Sequence[str]) -> str:
    return f"[{','.join(map(quoted, names))}]"


def _data(case: Case) -> Iterator[Change]:
    if case.get("data.normalize") is False:
        yield Change("data", ("data.normalize=true",), SIZES["data"])


def _batch(case: Case) -> Iterator[Change]:
    size = case.get("data.batch_size")
    if isinstance(size, int):
        for other in {max(1, size // BATCH), min(size * BATCH, max(case.rows, 1))} - {size}:
            yield Change("batch", (f"data.batch_size={other}",), SIZES["batch"])


def _settings(case: Case) -> Iterator[Change]:
    """Of what the config sets beside these, each taken back; momentum, which makes steps longer, after the rate."""
    for key, usual in SETTINGS.items():
        node, _, name = key.rpartition(".")
        if name in (case.get(node) or {}) and case.get(key) != usual and str(case.get(key)) != str(usual):
            word = "null" if usual is None else str(usual).lower()
            yield Change("setting", (f"{key}={word}",), SIZES["setting"])
    if case.get("scheduler"):
        yield Change("setting", ("scheduler=none",), SIZES["setting"])
    if case.get("optimizer.momentum"):
        yield Change("setting", ("optimizer.momentum=0.0",), SIZES["lr"] + 0.5)


HYPOTHESES = (_order, _columns, _data, _init, _branches, _lr, _settings, _optimizer, _activation, _batch, _depth)


def single_changes(case: Case) -> list[Change]:
    """Every one that changes the config, and can be made of it."""
    every = [change for hypothesis in HYPOTHESES for change in hypothesis(case)]
    return [change for change in every if change.applies or changed(case.config, change.overrides) != case.config]


def pairs(case: Case, bugs: Sequence[Change] = ()) -> list[Change]:
    """Of two changes, for a run that none by itself makes train: two mistakes; what has a right value, or the scheme
    for the activation, with each other, another learning rate, optimiser or depth; another activation with the scheme
    for that, or another learning rate."""
    right = [*bugs, *_order(case), *_columns(case), *_data(case), *islice(_init(case), 1), *_branches(case)]
    others = [*_lr(case), *_optimizer(case), *_depth(case)]
    found = [*bug_pairs(bugs), *(one + other for one, other in combinations(right, 2) if one.group != other.group)]
    found += [_in_order(one, other) for one in right for other in others]
    for activation in _activation(case):
        of_it = replace(case, config=changed(case.config, activation.words))
        scheme = Change("init", (f"init={of_it.suited}",), SIZES["init"])
        found.append(_in_order(scheme, activation))
        found += [_in_order(activation, rate) for rate in _lr(case)]
    known = [_made(case, change) for change in [*bugs, *single_changes(case)]] + [(case.config, [])]
    new: list[Change] = []
    for change in sorted(found, key=lambda change: change.size):
        made = _made(case, change)
        if made not in known:
            known.append(made)
            new.append(change)
    return new


def _made(case: Case, change: Change) -> tuple[dict[str, Any], list[tuple[str, ...]]]:
    """The config, and what else is done."""
    return changed(case.config, change.overrides), [part.words for part in change.parts or (change,) if part.applies]


def _in_order(one: Change, other: Change) -> Change:
    return one + other if one.size <= other.size else other + one
