"""How the weights of a module are drawn again, for the spread of what is measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from initlab.batch import Batch
from initlab.errors import UserError
from initlab.init import Scheme, initialize
from initlab.numbers import listed
from initlab.seeds import generator

Redraw = Scheme | str | Callable[[nn.Module], Any] | Literal[False] | None
OTHERS = "measured as it is, in one draw, as reset_parameters() would draw other weights ({}); redraw= draws its own"
NO_RESET = "measured as it is, in one draw, as no part has reset_parameters(); redraw= draws others"
STAYS = "the same in all draws, as no reset_parameters() draws it: {}"
CHANCE = 0.05, 4.0  # of log(rms after / before): up to the first, or the second / sqrt(entries)


def draw_again(
    module: nn.Module, redraw: Redraw, batch: Batch, number: int, seed: int, note: Callable[..., Any]
) -> bool:
    """Draw number `number`. False: there is none, for a reason that `note` is told.

    None: first the weights as they are, then by `reset_parameters()` of each part that has it, if this draws weights of
    the size that is there; otherwise they were drawn by other means, of which there is only the one draw. A parameter
    that is constant stays as it is. A scheme, by
    itself or by name, draws by `initlab.initialize`; a function is called with the module; False draws nothing.
    """
    if redraw is None:
        return number == 0 or _reset(module, note)
    if isinstance(redraw, (Scheme, str)):
        initialize(module, redraw, generator=generator("forecast", seed, number), batch=batch)
    elif callable(redraw):
        redraw(module)
    elif redraw is not False:
        raise UserError(
            f"redraw={redraw!r}: must be an initialisation scheme, a function that draws the module's weights, False "
            "for the weights as they are, or None for reset_parameters()"
        )
    return True


def _reset(module: nn.Module, note: Callable[..., Any]) -> bool:
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    resets = [found for part in module.modules() if callable(found := getattr(part, "reset_parameters", None))]
    if not resets:
        note(NO_RESET)
        return False
    for reset in resets:
        reset()
    constant = {name for name, p in before.items() if not p.numel() or bool((p == p.flatten()[0]).all())}
    after = dict(module.named_parameters())
    with torch.no_grad():
        for name in constant:  # a bias or a gate that was set to 0 is no chance
            after[name].copy_(before[name])
    drawn = {name: p.detach() for name, p in after.items() if name not in constant}
    others = [name for name, p in drawn.items() if p.dim() > 1 and _of_another_size(before[name], p)]
    if others:
        first = others[0]
        note(OTHERS.format(f"{first}: std {float(drawn[first].std()):.2g}, here {float(before[first].std()):.2g}"))
        return False
    stays = [name for name, p in drawn.items() if torch.equal(p, before[name])]
    if stays:
        note(STAYS.format(listed(stays, 4)))
    return True


def _of_another_size(before: Tensor, after: Tensor) -> bool:
    sizes = [float(x.double().square().mean()) for x in (before, after)]
    if min(sizes) <= 0 or not all(map(math.isfinite, sizes)):
        return sizes[0] != sizes[1]
    return abs(math.log(sizes[1] / sizes[0])) / 2 > max(CHANCE[0], CHANCE[1] / math.sqrt(before.numel()))
