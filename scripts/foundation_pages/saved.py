"""What the forward pass keeps for the backward pass

fast.ai, chapter 17; d2l 5.3.3: the gradient of a layer needs what the layer saw, so training keeps activations that
prediction throws away. How many bytes, of which layer, and can they be counted by hand?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from foundation_pages.memory import MIB, Allocated, allocations
from foundation_pages.sheet import Sheet
from initlab.nn import ACTIVATIONS, Activation, Linear, cross_entropy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
A dense layer keeps its input, for the gradient of its weight is the product of the gradient and that; and its weight,
for the gradient of the input. Where nothing asks for the gradient of the input, as in the first layer, the weight is
not kept. ReLU, tanh and sigmoid keep their own output, which the next layer keeps as well: the same bytes, counted
once. Data and parameters are there anyway, so only the last column is memory that training costs. It grows with batch,
width and depth, and prediction needs none of it.

In the picture each operation is a step to the right. Training climbs until the loss and comes down in the backward
pass, which ends with the gradients of the parameters; prediction holds a layer or two at a time.
"""
SIZE = 4  # bytes of a float32


class Kept:
    """Tensors that autograd packs away, each storage counted once."""

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
    counts = []
    for hidden in widths[1:-1]:
        counts += [(0, "input: there already"), (SIZE * batch * hidden, f"{SIZE} · {batch} · {hidden}: its output")]
    counts.append((0, "input: kept by the layer before"))
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
    """Numbers kept for each number that goes in; -1 for none to count by hand."""
    hand: Mapping[str, int] = {"relu": 1, "leaky_relu": 1, "tanh": 1, "sigmoid": 1, "identity": 0}
    rows = []
    for name, phi in ACTIVATIONS.items():
        H = torch.randn(50, 20, requires_grad=True) * 1.0
        with watched() as kept:
            phi.value(H)
        found = kept.take(set())
        floats = sum(size(tensor) for tensor, is_new in found if is_new) / size(H)
        if name in hand:
            sheet.check(f"{name}: keeps {hand[name]} number for each that goes in", floats == hand[name])
        rows.append([name, f"{floats:g}"])
    caption = "Numbers kept for each number that goes into an activation function, as initlab.nn writes it"
    sheet.table(caption, ["activation<", "kept"], rows)


def over_a_deep_net(sheet: Sheet) -> None:
    """Bytes held after each operation of a deep MLP: training with its backward pass, and prediction."""
    batch, widths = (32, [20, *[16] * 4, 10]) if sheet.fast else (256, [784, *[256] * 10, 10])
    X, y = data(batch, widths)
    model = net(widths, "relu")
    traces = {}
    for name, mode in (("training", nullcontext()), ("prediction", torch.no_grad())):
        model.zero_grad()
        with mode, allocations() as held:
            loss = cross_entropy(model(X), y)
            if loss.requires_grad:
                loss.backward()
            del loss
        traces[name] = held.trace
    gradients = sum(size(p) for p in model.parameters())
    sheet.check("after the backward pass the gradients of the parameters are held, nothing else",
                traces["training"][-1] == gradients)  # fmt: skip
    sheet.check("after prediction nothing is held", traces["prediction"][-1] == 0)
    sheet.figures["deep"] = {"traces": traces, "batch": batch, "widths": widths, "gradients": gradients}
    hidden = [batch * width * SIZE for width in widths[1:-1]]
    most = {name: max(trace) for name, trace in traces.items()}
    rows = [
        ["the hidden activations, by hand", f"{sum(hidden) / MIB:.2f} MiB"],
        ["training: held at most", f"{most['training'] / MIB:.2f} MiB"],
        ["training: held after the backward pass, the gradients", f"{gradients / MIB:.2f} MiB"],
        ["prediction: held at most", f"{most['prediction'] / MIB:.2f} MiB"],
    ]
    caption = f"An MLP of {len(hidden)} hidden layers of {widths[1]} units, batch {batch}"
    sheet.table(caption, ["what<", "memory"], rows)


def picture(figures: dict[str, Any]) -> Figure:
    from foundation_pages.drawing import BLUE, ORANGE, canvas, heading, plain
    from initlab.evaluation.pictures import FAINT, INK

    deep = figures["deep"]
    figure = canvas(8.6, 3.6)
    ax = plain(figure.add_subplot())
    for (name, trace), colour in zip(deep["traces"].items(), (BLUE, ORANGE), strict=True):
        values = [0.0, *(held / MIB for held in trace)]
        ax.step(range(len(values)), values, where="post", color=colour, linewidth=2)
        ax.fill_between(range(len(values)), values, step="post", color=colour, alpha=0.15, linewidth=0)
        at = values.index(max(values))
        ax.annotate(
            f"{name}: {max(values):.2f} MiB at most", (at, max(values)), xytext=(6, 6), textcoords="offset points",
            fontsize=10, weight="bold", color=colour,
        )  # fmt: skip
    ax.set_xlabel("operations that allocate or free", fontsize=10, color=FAINT)
    ax.set_ylabel("MiB held", fontsize=10, color=FAINT)
    ax.set_ylim(0, 1.18 * max(deep["traces"]["training"]) / MIB)
    ax.set_xlim(0, None)
    ax.tick_params(labelcolor=INK)
    hidden = deep["widths"][1:-1]
    below = f"an MLP of {len(hidden)} hidden layers of {hidden[0]} units, batch {deep['batch']}"
    heading(ax, "Training keeps every layer for the way back, prediction none", f"{below}: beside data and parameters")
    return figure
