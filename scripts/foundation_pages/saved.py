"""What the forward pass keeps for the backward pass

fast.ai, chapter 17; d2l 5.3.3: the gradient of a layer needs what the layer saw, so training keeps activations that
prediction throws away. How many bytes, of which layer, and can they be counted by hand?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from foundation_pages.memory import Allocated, allocations, mib
from foundation_pages.sheet import Sheet
from initlab.nn import ACTIVATIONS, Activation, Linear, cross_entropy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
A dense layer keeps its input, for the gradient of its weight is the product of the gradient and that; and its weight,
for the gradient of the input. Where nothing asks for the gradient of the input, as in the first layer, the weight is
not kept. ReLU, tanh and sigmoid keep their own output, which the next layer keeps as well: the same bytes, counted
once. A function that is written in several steps keeps something of each; torch's own GELU and SiLU are one step. Data
and parameters are there anyway, so only the column `new` is memory that training costs. It grows with batch, width and
depth, and prediction needs none of it.

In the picture each step to the right is an operation. Training climbs until the loss and comes down on the way back, as
each layer's gradient is done and what it kept is let go; prediction holds a layer's input and output at a time.
"""
SIZE = 4  # bytes of a float32


class Kept:
    """Tensors that autograd packs away."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []

    def pack(self, tensor: Tensor) -> Tensor:
        self.tensors.append(tensor)
        return tensor

    def take(self, seen: set[int]) -> list[tuple[Tensor, bool]]:
        """What came since the last time, and whether its storage was not among `seen`, to which it is added."""
        found = []
        for tensor in self.tensors:
            storage = tensor.untyped_storage().data_ptr()
            found.append((tensor, storage not in seen))
            seen.add(storage)
        self.tensors = []
        return found


@contextmanager
def watched() -> Iterator[Kept]:
    """Every tensor that autograd saves inside."""
    kept = Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
        yield kept


def size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def net(widths: list[int], activation: str) -> nn.Sequential:
    """Dense layers with an activation between them; [784, 256, 10] has one hidden layer."""
    layers: list[nn.Module] = []
    for num_inputs, num_outputs in pairwise(widths):
        layers += [Linear(num_inputs, num_outputs), Activation(activation)]
    return nn.Sequential(*layers[:-1])


def layer_by_layer(model: nn.Sequential, X: Tensor, y: Tensor) -> list[dict[str, Any]]:
    """A row a layer: shapes and bytes that autograd keeps, and how many of them were in no one's hands before."""
    there = {t.untyped_storage().data_ptr() for t in [X, y, *model.parameters()]}
    names = [f"{i // 2 + 1}: {type(layer).__name__}" for i, layer in enumerate(model)] + ["cross entropy"]
    rows = []
    with watched() as kept:
        H = X
        for name, step in zip(names, [*model, lambda H: cross_entropy(H, y)], strict=True):
            H = step(H)
            found = kept.take(there)
            shapes = [list(tensor.shape) for tensor, _ in found]
            new = sum(size(tensor) for tensor, is_new in found if is_new)
            rows.append({"layer": name, "shapes": shapes, "bytes": sum(size(t) for t, _ in found), "new": new})
    return rows


def by_hand(batch: int, widths: list[int]) -> list[tuple[int, str]]:
    """New bytes of each layer of a ReLU network and of the cross entropy, and where they come from."""
    counts = [(0, "the input: there already")]
    for hidden in widths[1:-1]:
        counts.append((SIZE * batch * hidden, f"{SIZE} · {batch} · {hidden}: its output"))
        counts.append((0, "the input: kept by the layer before"))
    classes = widths[-1]
    words = f"2 · {SIZE} · {batch} · {classes} + {SIZE} · {batch}: shifted logits, their exp, its sum"
    return [*counts, (2 * SIZE * batch * classes + SIZE * batch, words)]


def page(sheet: Sheet) -> None:
    batch, widths = (32, [20, 16, 10]) if sheet.fast else (256, [784, 256, 10])
    X, y = data(batch, widths)
    model = net(widths, "relu")
    rows = layer_by_layer(model, X, y)
    counts = by_hand(batch, widths)
    for row, (count, _) in zip(rows, counts, strict=True):
        sheet.check(f"{row['layer']}: keeps {count:,} new bytes, as counted by hand", row["new"] == count)
    with torch.no_grad():
        unkept = layer_by_layer(model, X, y)
    sheet.check("prediction keeps nothing", not any(row["bytes"] for row in unkept))

    training, answer = held_after(model, X, y)
    with torch.no_grad():
        prediction, _ = held_after(model, X, y)
    total = sum(row["new"] for row in rows)
    sheet.check(
        "training: the allocator holds what autograd keeps, and the loss", training.alive == total + size(answer)
    )
    sheet.check("prediction: the allocator holds the loss alone", prediction.alive == size(answer))
    table = [
        [row["layer"], " ".join(map(str, row["shapes"])) or "nothing", f"{row['bytes']:,}", words, f"{row['new']:,}"]
        for row, (_, words) in zip(rows, counts, strict=True)
    ]
    kept = sum(row["bytes"] for row in rows)
    table.append(["training, in all", "", f"{kept:,}", "by the allocator, less the loss", f"{training.alive - SIZE:,}"])
    table.append(["prediction", "nothing", "0", "by the allocator, less the loss", f"{prediction.alive - SIZE:,}"])
    caption = f"Bytes kept by an MLP {'-'.join(map(str, widths))}, ReLU, batch {batch}"
    sheet.table(caption, ["layer<", "keeps<", "bytes", "new, by hand<", "new"], table)
    sheet.figures |= {"rows": rows, "training": training.alive, "prediction": prediction.alive}
    by_activation(sheet)
    over_a_deep_net(sheet)


def data(batch: int, widths: list[int]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(batch, widths[0], generator=generator)
    return X, torch.randint(widths[-1], (batch,), generator=generator)


def held_after(model: nn.Sequential, X: Tensor, y: Tensor) -> tuple[Allocated, Tensor]:
    """What the allocator still holds when the loss is there, and the loss, which holds it."""
    with allocations() as held:
        loss = cross_entropy(model(X), y)
    return held, loss


def by_activation(sheet: Sheet) -> None:
    """Numbers kept for each number that goes in."""
    expected: Mapping[str, int] = {"relu": 1, "leaky_relu": 1, "tanh": 1, "sigmoid": 1, "identity": 0}
    rows = []
    for name, phi in ACTIVATIONS.items():
        ours, torchs = numbers_kept(phi.value), numbers_kept(phi.torch_module())
        if name in expected:
            sheet.check(f"{name}: keeps {expected[name]} for each number that goes in", ours == expected[name])
        rows.append([name, f"{ours:g}", f"{torchs:g}"])
    caption = "Numbers kept for each number that goes into an activation function"
    sheet.table(caption, ["activation<", "as initlab.nn writes it", "torch's own"], rows)


def numbers_kept(function: Callable[[Tensor], Tensor]) -> float:
    H = torch.ones(50, 20, requires_grad=True) * 1.0  # not a parameter, which would be there anyway
    with watched() as kept:
        function(H)
    return sum(size(tensor) for tensor, is_new in kept.take(set()) if is_new) / size(H)


def over_a_deep_net(sheet: Sheet) -> None:
    """Bytes held after each operation of a deep MLP, in training with its way back and in prediction. The parameters'
    gradients are there before, as they are where an optimiser zeroes them."""
    batch, widths = (32, [20, *[16] * 4, 10]) if sheet.fast else (256, [784, *[256] * 10, 10])
    X, y = data(batch, widths)
    model = net(widths, "relu")
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    forward, loss = held_after(model, X, y)
    with allocations() as backward:
        loss.backward()
        del loss
    with torch.no_grad():
        prediction, answer = held_after(model, X, y)
    training = forward.trace + [forward.alive + change for change in backward.trace]
    sheet.check("the backward pass lets go of everything", training[-1] == 0)
    sheet.check("a deep net in prediction: the loss alone is held", prediction.alive == size(answer))
    hidden = batch * sum(widths[1:-1]) * SIZE
    sheet.check("a deep net in training: at least the hidden activations are held", forward.alive >= hidden)
    sheet.figures["deep"] = {
        "training": training, "prediction": prediction.trace, "loss at": len(forward.trace), "batch": batch,
        "widths": widths,
    }  # fmt: skip
    rows = [
        ["the hidden activations, by hand", mib(hidden)],
        ["training: held when the loss is there", mib(forward.alive)],
        ["training: held at most", mib(max(training))],
        ["training: held after the backward pass", mib(training[-1])],
        ["prediction: held at most", mib(prediction.peak)],
    ]
    caption = f"An MLP of {len(widths) - 2} hidden layers of {widths[1]} units, batch {batch}, beside data, parameters "
    sheet.table(caption + "and their gradients", ["what<", "memory"], rows)


def picture(figures: dict[str, Any]) -> Figure:
    from foundation_pages.memory import MIB
    from initlab.plots.style import BLUE, FAINT, INK, ORANGE, heading, new_figure, plain

    deep = figures["deep"]
    figure = new_figure(8.6, 3.6)
    ax = plain(figure.add_subplot())
    for name, colour in (("training", BLUE), ("prediction", ORANGE)):
        values = [0.0, *(held / MIB for held in deep[name])]
        ax.step(range(len(values)), values, where="post", color=colour, linewidth=2)
        ax.fill_between(range(len(values)), values, step="post", color=colour, alpha=0.15, linewidth=0)
    high, low = (max(deep[name]) / MIB for name in ("training", "prediction"))
    at = deep["loss at"]
    words: dict[str, Any] = {"fontsize": 10, "weight": "bold", "va": "bottom"}
    ax.plot([at, at], [0, 1.03 * high], color=FAINT, linewidth=1, linestyle=(0, (2, 2)))
    ax.text(at + 1, 1.04 * high, "the loss", fontsize=9.5, color=FAINT, va="bottom")
    ax.text(1, 1.04 * high, f"training: {high:.2f} MiB at most", color=BLUE, **words)
    ax.text(at + 1.5, 0.4 * low, f"prediction: {low:.2f} MiB at most", color=ORANGE, **words)
    ax.set_xlabel("operations that allocate or free", fontsize=10, color=FAINT)
    ax.set_ylabel("MiB held", fontsize=10, color=FAINT)
    ax.set_ylim(0, 1.22 * high)
    ax.set_xlim(0, None)
    ax.tick_params(labelcolor=INK)
    hidden = deep["widths"][1:-1]
    below = f"an MLP of {len(hidden)} hidden layers of {hidden[0]} units, batch {deep['batch']}"
    below += ": beside data, parameters and their gradients"
    heading(ax, "Training keeps every layer for the way back, prediction none", below)
    return figure
