"""The gradient through a loop and a branch

d2l 2.5.4: f doubles its argument until the norm reaches 1000, then returns it, or a hundred times it where the sum is
not positive. How often the loop runs depends on the argument. What is the derivative of such a program?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foundation_pages.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
autograd records the operations that were really done, and these are multiplications by constants: around every argument
f is a line through the origin, so df/da = f(a) / a, and it is a power of two, or a hundred times one. Between the lines
f jumps, and there it has no derivative; autograd gives that of the branch that was taken. At 0 the norm never grows and
the loop would not end, which is why 0 is refused here.
"""


def f(a: Tensor) -> Tensor:
    """a of any shape, not all zeros."""
    if not bool(a.any()):
        raise ValueError("f(0): doubling 0 never reaches a norm of 1000, so the loop would not end")
    b = a * 2
    while b.norm() < 1000:
        b = b * 2
    if b.sum() > 0:
        return b
    return 100 * b


def slope(a: Tensor) -> Tensor:
    """df/da by autograd, entry by entry; of the sum where f(a) has many entries."""
    a = a.detach().clone().requires_grad_()
    f(a).sum().backward()
    assert a.grad is not None
    return a.grad


def page(sheet: Sheet) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(20 if sheet.fast else 1000, generator=generator, dtype=torch.float64)
    got = torch.stack([slope(a) for a in drawn])
    ratio = torch.stack([f(a) / a for a in drawn])
    eps = torch.finfo(torch.float64).eps
    sheet.close(f"df/da = f(a) / a for {len(drawn)} numbers drawn from N(0, 1)", got, ratio, eps * ratio.abs())
    vector = torch.randn(5, generator=generator, dtype=torch.float64)
    sheet.close("and for a vector, entry by entry", slope(vector), f(vector) / vector, eps * (f(vector) / vector).abs())
    powers = torch.where(drawn > 0, got, got / 100)
    sheet.check("each is a power of two, a hundred times one where a < 0", bool((powers.frexp()[0] == 0.5).all()))
    sheet.refuses("f(0) is refused: its loop would not end", lambda: f(torch.zeros(3)))

    rows = []
    for a in (0.001, 0.1, 1.0, 3.0, 400.0, 600.0, -0.1, -3.0):
        at = torch.tensor(a, dtype=torch.float64)
        value, gradient = f(at), slope(at)
        doublings = int((gradient if a > 0 else gradient / 100).log2())
        rows.append([f"{a:g}", str(doublings), f"{value:,.4g}", f"{gradient:,.0f}", f"{value / at:,.0f}"])
    sheet.table("f at some numbers", ["a", "doublings", "f(a)", "df/da by autograd", "f(a) / a"], rows)
    grid = torch.cat([-torch.logspace(2.5, -1.5, 400), torch.logspace(-1.5, 2.5, 400)]).double()
    sheet.figures |= {
        "a": grid.tolist(), "f": [f(a).item() for a in grid], "slope": [slope(a).item() for a in grid],
    }  # fmt: skip


def picture(figures: dict[str, Any]) -> Figure:
    import numpy as np

    from initlab.plots.style import BLUE, FAINT, ORANGE, heading, new_figure, plain

    a, value, slopes = (np.array(figures[key]) for key in ("a", "f", "slope"))
    figure = new_figure(8.6, 3.9)
    left, right = figure.subplots(1, 2)
    for ax in (plain(left), plain(right)):
        ax.set_xscale("log")
        ax.set_xlabel("|a|", fontsize=10, color=FAINT)
        ax.grid(color="#e8eaee", linewidth=0.8)
        ax.set_axisbelow(True)
    for sign, colour, name in ((1, BLUE, "a > 0"), (-1, ORANGE, "a < 0: 100 times")):
        side = np.flatnonzero(a * sign > 0)
        side = side[np.argsort(abs(a[side]))]
        pieces = np.split(side, np.flatnonzero(np.diff(slopes[side])) + 1)  # where the slope changes, f jumps
        for i, piece in enumerate(pieces):
            left.plot(abs(a[piece]), abs(value[piece]), color=colour, linewidth=2, label=name if i == 0 else None)
        right.plot(abs(a[side]), slopes[side], color=colour, linewidth=2, drawstyle="steps-post")
    left.set_yscale("log")
    right.set_yscale("log", base=2)
    left.set_ylabel("|f(a)|", fontsize=10, color=FAINT)
    right.set_ylabel("df/da", fontsize=10, color=FAINT)
    left.set_ylim(600, 2e6)
    left.legend(loc="upper left", frameon=False, fontsize=9.5, ncols=2)
    heading(left, "f: pieces of lines through 0", "the norm doubles until it is 1000 or more")
    heading(right, "Its derivative: powers of two", "f(a) / a, as autograd finds by recording what was done")
    return figure
