"""Draw the weights of a whole network."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from initlab.checks.rule import did_you_mean
from initlab.errors import UserError, reason
from initlab.init.gains import declared_by, gains_of
from initlab.init.report import Report
from initlab.init.scheme import Scheme
from initlab.init.targets import Target, left_alone, targets_of
from initlab.shipped import CONFIGS


@torch.no_grad()
def initialize(
    model: nn.Module,
    scheme: Scheme | str,
    *,
    generator: torch.Generator | None = None,
    batch: Any = None,
) -> Report:
    """Draw every layer of the model again that `initlab.init.layers` knows, each tensor once: the weights, then the
    biases, so that two schemes of one seed share the numbers of their weights, whether or not they draw biases.

    Norms keep their scale and shift, frozen parameters their values, and so does whatever has no rule; all of it is in
    the report.

    scheme: one of `initlab.init`, or the name of a file in configs/init.
    batch: inputs, or a training batch as (X, y), see `initlab.batch`, or a function that gives it. One forward pass of
        it, in evaluation mode, finds the activation behind each layer, the order of the layers for a scheme that counts
        them, and what a scheme that looks at data asks for.

    The gain of every layer is that of `model.activation`, where the model names one there. Else it is that of the
    activation behind the layer: in the forward pass, or, without a batch, the module registered next. Without any it is
    1; so it is for the projections of an attention and the gates of an LSTM or GRU, and of an RNN it is that of its own
    nonlinearity.

    Numbers are drawn where the generator lives (on the CPU if there is none) and copied, so one seed gives one
    set of weights on every device.
    """
    if not isinstance(model, nn.Module) or not isinstance(scheme, (Scheme, str)):
        raise UserError(
            f"initialize({_short(model)}, {_short(scheme)}): it takes a torch.nn.Module and a scheme or the name of "
            'one, as in initialize(model, "kaiming")'
        )
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    scheme = named_scheme(scheme, declared_by(model)) if isinstance(scheme, str) else scheme
    given = _once(batch)
    if scheme.unit_signal and given is None:
        raise UserError(f"init={scheme}: this scheme looks at data; give initialize(..., batch=...)")
    targets, reasons = targets_of(model)
    if not targets:
        others = [f"{row.name} ({row.kind}, {row.reason})" for row in left_alone(model, set(), reasons)[:12]]
        found = ", ".join(others) or "no parameters at all"
        raise UserError(f"init={scheme}: {type(model).__name__} has no layer to initialise, but {found}")
    layers = list(dict.fromkeys(target.layer for target in targets))
    gains, order, notes = gains_of(model, layers, scheme, given)
    if scheme.by_place:
        layers.sort(key=lambda layer: order.index(layer) if layer in order else len(order))
        targets.sort(key=lambda target: layers.index(target.layer))
    schemes = {layer: scheme.at(i, len(layers)) for i, layer in enumerate(layers)}
    for target in targets:
        target.check(schemes[target.layer])
    other: set[Target] = set()  # whose weight is not what was drawn
    for target in sorted(targets, key=lambda target: target.slot.blocks is None):
        if not target.draw(schemes[target.layer], gains[target.layer][0], generator):
            notes.append(f"{target.name}: its parametrization makes another weight of what was drawn")
            other.add(target)
    fitted = scheme.fit_(model, given()) if scheme.unit_signal and given is not None else ()
    rows = [target.row(schemes[target.layer], *gains[target.layer]) for target in targets]
    rows = [replace(row, promised_std=math.nan) if of in other else row for of, row in zip(targets, rows, strict=True)]
    drawn = {name for row in rows for name in row.parameters}
    return Report(str(scheme), tuple(rows), left_alone(model, drawn, reasons), tuple(notes), fitted)


def _once(batch: Any) -> Callable[[], Any] | None:
    """A function that gives the batch, and asks for it once."""
    if batch is None or not callable(batch):
        return None if batch is None else lambda: batch

    @functools.cache
    def given() -> Any:
        try:
            return batch()
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"there is no batch ({reason(error)})") from error

    return given


def _short(value: object) -> str:
    text = str(value) if isinstance(value, (str, type)) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}..."


def named_scheme(name: str, activation: str | None = None) -> Any:
    """With the values that its file in configs/init has; `activation`: of the model, for a scheme that needs one."""
    names = sorted(path.stem for path in (CONFIGS / "init").glob("*.yaml"))
    if name not in names:
        raise UserError(f"init={name}: no such init{did_you_mean(name, names)} ({', '.join(names)})")
    node = _read(name)
    if "activation" in node:
        if activation is None:
            raise UserError(f'init={name}: for which activation? Give initlab.init.Critical(activation="relu")')
        node["activation"] = activation
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:  # init=given needs numbers
        raise error.__cause__ if isinstance(error.__cause__, UserError) else error from None


def _read(name: str) -> dict[str, Any]:
    """With those that it names in its `defaults` under its own."""
    own: Any = OmegaConf.to_container(OmegaConf.load(CONFIGS / "init" / f"{name}.yaml"))
    below = [_read(one) for one in own.pop("defaults", []) if one != "_self_"]
    return {key: value for part in [*below, own] for key, value in part.items()}
