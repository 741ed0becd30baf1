"""Forward and backward pass, by hand

d2l 5.3: a network of one hidden layer with an L2 penalty, one example, no biases. The forward pass works out every
variable of the graph in order; the backward pass goes through them in the opposite order with the chain rule. Are the
hand-written gradients those of autograd?
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foundation_pages.sheet import Sheet
from initlab.nn import ACTIVATIONS, activation_function, cross_entropy, softmax

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
Read the first table downwards and the second with the picture from right to left. Each gradient has the shape of the
variable it belongs to, which is half of what one needs to remember: of the two factors of a product, the gradient of
one is the incoming gradient times the other, transposed so that the shapes fit. J depends on each weight twice, through
the output and through the penalty, and the two gradients add up. The way back needs what the way forward saw, x, h and
z, which is why training keeps them.
"""
FORWARD = (  # variable, formula, number of the equation
    ("z", "W1 x", "5.3.1"), ("h", "φ(z)", "5.3.2"), ("o", "W2 h", "5.3.3"), ("L", "l(o, y)", "5.3.4"),
    ("s", "λ/2 (|W1|² + |W2|²)", "5.3.5"), ("J", "L + s", "5.3.6"),
)  # fmt: skip
BACKWARD = (
    ("L", "1", "5.3.8"), ("s", "1", "5.3.8"), ("o", "∂J/∂L ∂L/∂o = softmax(o) - e_y", "5.3.9"),
    ("W2", "∂J/∂o hᵀ + λ W2", "5.3.11"), ("h", "W2ᵀ ∂J/∂o", "5.3.12"),
    ("z", "∂J/∂h ⊙ φ'(z)", "5.3.13"), ("W1", "∂J/∂z xᵀ + λ W1", "5.3.14"),
)  # fmt: skip


@dataclass(frozen=True)
class Network:
    """J(x, y) = l(W2 φ(W1 x), y) + λ/2 (|W1|² + |W2|²), l the cross entropy of softmax(o) with class y.

    Columns, as in the book: x [inputs], W1 [hiddens, inputs], W2 [outputs, hiddens].
    """

    W1: Tensor
    W2: Tensor
    activation: str
    penalty: float  # λ

    def forward(self, x: Tensor, y: int) -> dict[str, Tensor]:
        """Every variable of the graph by its name."""
        z = self.W1 @ x
        h = activation_function(self.activation).value(z)
        o = self.W2 @ h
        L = cross_entropy(o[None], torch.tensor([y]))
        s = self.penalty / 2 * (self.W1.square().sum() + self.W2.square().sum())
        return {"z": z, "h": h, "o": o, "L": L, "s": s, "J": L + s}

    def backward(self, x: Tensor, y: int, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        """The gradient of J with respect to each variable, given what the forward pass saw."""
        one_hot = torch.zeros_like(seen["o"])
        one_hot[y] = 1
        dL = ds = x.new_ones(())  # J = L + s
        do = dL * (softmax(seen["o"][None])[0] - one_hot)
        dW2 = torch.outer(do, seen["h"]) + ds * self.penalty * self.W2
        dh = self.W2.T @ do
        dz = dh * activation_function(self.activation).derivative(seen["z"])
        dW1 = torch.outer(dz, x) + ds * self.penalty * self.W1
        return {"L": dL, "s": ds, "o": do, "W2": dW2, "h": dh, "z": dz, "W1": dW1}


def draw(
    activation: str, num_inputs: int = 4, num_hiddens: int = 5, num_outputs: int = 3
) -> tuple[Network, Tensor, int]:
    """A network, an example and its class, in float64."""
    generator = torch.Generator().manual_seed(0)
    W1 = torch.randn(num_hiddens, num_inputs, generator=generator, dtype=torch.float64) / num_inputs**0.5
    W2 = torch.randn(num_outputs, num_hiddens, generator=generator, dtype=torch.float64) / num_hiddens**0.5
    x = torch.randn(num_inputs, generator=generator, dtype=torch.float64)
    return Network(W1, W2, activation, penalty=0.1), x, 1


def by_autograd(net: Network, x: Tensor, y: int) -> dict[str, Tensor]:
    """The same gradients from the graph that autograd records."""
    leaves = {"W1": net.W1.clone().requires_grad_(), "W2": net.W2.clone().requires_grad_()}
    seen = Network(leaves["W1"], leaves["W2"], net.activation, net.penalty).forward(x, y)
    nodes = {**leaves, **{name: seen[name] for name, _, _ in BACKWARD if name in seen}}
    return dict(zip(nodes, torch.autograd.grad(seen["J"], list(nodes.values())), strict=True))


def by_differences(net: Network, x: Tensor, y: int, step: float = 1e-5) -> Tensor:
    """dJ/dW1 by central differences, off by about step^2 and rounding / step: 1e-10."""
    slopes = torch.zeros_like(net.W1)
    for i in range(net.W1.numel()):
        shift = torch.zeros_like(net.W1)
        shift.view(-1)[i] = step
        above, below = (Network(W, net.W2, net.activation, net.penalty) for W in (net.W1 + shift, net.W1 - shift))
        slopes.view(-1)[i] = (above.forward(x, y)["J"] - below.forward(x, y)["J"]) / (2 * step)
    return slopes


def page(sheet: Sheet) -> None:
    eps = torch.finfo(torch.float64).eps
    off: dict[str, float] = {}
    for name in ACTIVATIONS:
        net, x, y = draw(name)
        seen = net.forward(x, y)
        hand, auto = net.backward(x, y, seen), by_autograd(net, x, y)
        for variable, _, _ in BACKWARD:
            allowed = 64 * eps * max(1.0, auto[variable].abs().max().item())  # some tens of operations each
            gap = sheet.close(
                f"{name}: dJ/d{variable} by hand, against autograd", hand[variable], auto[variable], allowed
            )
            off[variable] = max(gap, off.get(variable, 0.0))
        sheet.close(f"{name}: dJ/dW1 by hand, against central differences", hand["W1"], by_differences(net, x, y), 1e-8)
        inputs = {"W1": net.W1, "W2": net.W2, **seen}
        same = all(gradient.shape == inputs[variable].shape for variable, gradient in hand.items())
        sheet.check(f"{name}: every gradient has the shape of its variable", same)

    net, x, y = draw("tanh")
    seen = net.forward(x, y)
    hand = net.backward(x, y, seen)
    shapes = {"x": x, "W1": net.W1, "W2": net.W2, **seen}
    rows = [
        [name, f"`{formula}`", shape(seen[name]), number(seen[name]), f"({equation})"]
        for name, formula, equation in FORWARD
    ]
    sheet.table("Forward, with φ = tanh: each line uses those above it",
                ["variable<", "formula<", "shape", "value, or its norm", "d2l"], rows)  # fmt: skip
    rows = [
        [f"∂J/∂{name}", f"`{formula}`", shape(hand[name]), number(hand[name]),
         f"{off[name]:.1e}" if off[name] else "0", f"({equation})"]
        for name, formula, equation in BACKWARD
    ]  # fmt: skip
    off_by = f"off autograd, of {len(ACTIVATIONS)} activations"
    headings = ["gradient<", "formula<", "shape", "value, or its norm", off_by, "d2l"]
    sheet.table("Backward: the chain rule, from J to the weights", headings, rows)
    sheet.figures |= {"shapes": {name: list(tensor.shape) for name, tensor in shapes.items()}, "off": off}


def shape(tensor: Tensor) -> str:
    return str(list(tensor.shape)) if tensor.ndim else "a number"


def number(tensor: Tensor) -> str:
    return f"{tensor.norm().item():.4f}"


# the graph of the picture: where each variable and operation stands, how it is written, what leads where
VARIABLES = {"x": (0, 0), "z": (3, 0), "h": (6, 0), "o": (9, 0), "L": (12, 0), "J": (15, 0), "y": (10.5, 1.4),
             "W1": (1.5, -1.5), "W2": (7.5, -1.5), "s": (12, -3)}  # fmt: skip
OPERATIONS = {"×": (1.5, 0), "φ": (4.5, 0), "again ×": (7.5, 0), "loss": (10.5, 0), "+": (13.5, 0), "λ": (4.5, -3)}
WRITTEN = {"W1": "$W_1$", "W2": "$W_2$", "λ": r"$\frac{\lambda}{2}\|\cdot\|^2$", "again ×": "×", "loss": "$l$"}
ARROWS = [
    *itertools.pairwise(["x", "×", "z", "φ", "h", "again ×", "o", "loss", "L", "+", "J"]),
    ("y", "loss"), ("W1", "×"), ("W2", "again ×"), ("W1", "λ"), ("W2", "λ"), ("λ", "s"), ("s", "+"),
]  # fmt: skip
WIDE = {"λ": 30, "W1": 17, "W2": 17}  # points that an arrow ends before the middle of what it leads to


def picture(figures: dict[str, Any]) -> Figure:
    from initlab.plots.style import BLUE, FAINT, INK, ORANGE, new_figure

    figure = new_figure(11.2, 4.2)
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_aspect("equal")
    ax.set_xlim(-0.6, 15.6)
    ax.set_ylim(-3.7, 2.2)
    middle: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "zorder": 3}
    for start, end in ARROWS:
        arrow = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.2, "shrinkA": 15, "shrinkB": WIDE.get(end, 15)}
        ax.annotate("", (VARIABLES | OPERATIONS)[end], (VARIABLES | OPERATIONS)[start], zorder=1, arrowprops=arrow)
    circle = {"boxstyle": "circle,pad=0.32", "facecolor": "#e4eff8", "edgecolor": BLUE, "linewidth": 1.3}
    square = {"boxstyle": "square,pad=0.35", "facecolor": "white", "edgecolor": FAINT, "linewidth": 1.1}
    for name, (x, y) in VARIABLES.items():
        ax.text(x, y, WRITTEN.get(name, f"${name}$"), fontsize=13, bbox=circle, **middle)
        size = figures["shapes"].get(name)
        if size:
            ax.text(x, y - 0.55, " × ".join(map(str, size)), fontsize=9, ha="center", va="top", color=FAINT)
    for name, (x, y) in OPERATIONS.items():
        ax.text(x, y, WRITTEN.get(name, name), fontsize=12, bbox=square, **middle)
    d = r"\partial "
    gradients = {
        "z": rf"$\frac{{{d}J}}{{{d}h}}\odot\varphi'(z)$", "h": rf"$W_2^\top\frac{{{d}J}}{{{d}o}}$",
        "o": r"$\mathrm{softmax}(o)-e_y$", "L": "$1$",
    }  # fmt: skip
    for name, formula in gradients.items():
        x, y = VARIABLES[name]
        ax.text(x, y + 0.62, formula, fontsize=11.5, ha="center", va="bottom", color=ORANGE)
    ax.text(12.55, -3, "$1$", fontsize=11.5, ha="left", va="center", color=ORANGE)
    for name, inside, outside in (("W1", "x", "z"), ("W2", "h", "o")):
        x, y = VARIABLES[name]
        words = rf"$\frac{{{d}J}}{{{d}{outside}}}\,{inside}^\top+\lambda W_{name[1]}$"
        ax.text(x + 0.62, y + 0.05, words, fontsize=11.5, ha="left", va="center", color=ORANGE)
    title = "The graph of J, and the gradient of J at every variable"
    below = "forward along the arrows: circles, with the shapes of this example; backward against them: in orange"
    ax.text(-0.5, 2.2, title, fontsize=12, weight="bold", color=INK, va="top")
    ax.text(-0.5, 1.8, below, fontsize=9.5, color=FAINT, va="top")
    return figure
