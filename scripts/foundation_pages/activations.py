"""Activation functions and their derivatives

d2l 5.1.2: ReLU, sigmoid and tanh, and the other functions of `initlab.nn`, on x in [-8, 8]. What does each let through,
forwards and backwards?
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from foundation_pages.sheet import Sheet
from initlab.nn import ACTIVATIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
The derivative is what a unit lets through of the gradient on its way back. Where it is near 0 the unit learns nothing:
sigmoid and tanh on both sides, which is called saturation, and ReLU for every negative input. Sigmoid lets through a
quarter at most, so a stack of them fades the gradient unless the weights are large; tanh, ReLU and the newer ones reach
1. The gain is the factor that an initialisation gives its weights. The last column but one is the factor that keeps
E[phi(z)^2] = 1, z ~ N(0, 1): it is the gain, except of tanh and of the sigmoid, whose gains of 5/3 and 1 are torch's.
"""
CONVENTIONS = ("tanh", "sigmoid")  # whose gain is torch's, not what keeps the second moment
PASSES = 0.05  # of the largest derivative: a unit that lets less through counts as saturated, as in initlab.monitor


def page(sheet: Sheet) -> None:
    x = torch.arange(-800, 801, dtype=torch.float64) / 100  # 0 is among them, where the kinks are
    eps = torch.finfo(torch.float64).eps
    z = torch.arange(-12_000, 12_001, dtype=torch.float64) / 1000
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    curves, rows = {}, []
    for name, phi in ACTIVATIONS.items():
        at = x.clone().requires_grad_()
        value = phi.value(at)
        (by_autograd,) = torch.autograd.grad(value.sum(), at)
        allowed = 10 * eps * (1 + x.abs())  # a handful of roundings of numbers as large as 1 + |x|
        derivative = phi.derivative(x)
        gap = sheet.close(
            f"{name}: the derivative that is written down, against autograd", derivative, by_autograd, allowed
        )
        sheet.close(f"{name}: the value, against torch's own", value, phi.torch_module()(x), allowed)
        keeps = torch.trapezoid(phi.value(z).square() * density, z).rsqrt()
        if name not in CONVENTIONS:
            sheet.close(
                f"{name}: the gain, against 1 / sqrt(E[phi(z)^2])",
                keeps,
                torch.tensor(phi.gain, dtype=torch.float64),
                1e-6,
            )
        at_most = int(derivative.argmax())
        where = f"{x[at_most]:.2f}" if int((derivative == derivative[at_most]).sum()) == 1 else "many"
        share = float((derivative.abs() < PASSES * derivative.abs().max()).double().mean())
        values = f"{value.min():.3g} .. {value.max():.3g}"
        off = f"{gap:.1e}" if gap else "0"
        rows.append(
            [name, values, f"{derivative[at_most]:.3f}", where, f"{share:.0%}", f"{phi.gain:.4f}", f"{keeps:.4f}", off]
        )
        curves[name] = {"value": value[::5].tolist(), "derivative": derivative[::5].tolist()}
    sheet.check("sigmoid: the derivative is a quarter at most", max(curves["sigmoid"]["derivative"]) == 0.25)
    sheet.check("tanh: the derivative is 1 at most", max(curves["tanh"]["derivative"]) == 1)
    columns = [
        "activation<",
        "values",
        "largest derivative",
        "at x =",
        f"under {PASSES:.0%} of that",
        "gain",
        "keeps E(phi^2)",
        "off autograd",
    ]
    sheet.table("On x from -8 to 8", columns, rows)
    sheet.figures |= {"x": x[::5].tolist(), "curves": curves}


def picture(figures: dict[str, Any]) -> Figure:
    import numpy as np

    from initlab.plots.style import BLUE, FAINT, INK, ORANGE, new_figure, plain

    x = np.array(figures["x"])
    figure = new_figure(9.6, 5.0)
    panels = figure.subplots(2, 4, sharex=True).flat
    for name, curve in figures["curves"].items():
        ax = plain(next(panels))
        value, derivative = np.array(curve["value"]), np.array(curve["derivative"])
        ax.fill_between(
            x,
            0,
            1,
            where=abs(derivative) < PASSES * abs(derivative).max(),
            transform=ax.get_xaxis_transform(),
            color="#eef0f3",
            lw=0,
        )
        ax.axhline(0, color=FAINT, linewidth=0.6)
        ax.plot(x, value, color=BLUE, linewidth=2)
        ax.plot(x, derivative, color=ORANGE, linewidth=2, linestyle=(0, (3, 1.2)))
        ax.set_ylim(-1.3, 1.6 if value.max() < 2 else 3.2)
        ax.set_xlim(-8, 8)
        ax.set_xticks([-8, -4, 0, 4, 8])
        ax.tick_params(labelbottom=True)
        ax.set_title(name, loc="left", fontsize=11, weight="bold", color=INK)
    ax = next(panels)
    ax.set_axis_off()
    ax.plot([], [], color=BLUE, linewidth=2, label="value")
    ax.plot([], [], color=ORANGE, linewidth=2, linestyle=(0, (3, 1.2)), label="derivative")
    ax.fill_between([], [], color="#dfe3e8", lw=0, label=f"derivative under\n{PASSES:.0%} of its largest")
    ax.legend(loc="center left", frameon=False, fontsize=11, labelcolor=INK)
    title = "What activation functions let through, forwards and backwards"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, weight="bold", color=INK)
    return figure
