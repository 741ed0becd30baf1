"""What broadcasting stores

fast.ai, chapter 17: x [30000, 1, 10] minus y [20, 10] is [30000, 20, 10]. Both are stretched to that shape. Are the
stretched copies ever made?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foundation_pages.memory import allocations, mib
from foundation_pages.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
No: what is stored is the result and nothing beside it. `expand_as` gives a view with a stride of 0, which means: to go
one further along this axis, go nowhere, read the same number again. Stretched by hand with `contiguous()`, the
two operands are as large as the result, each.

The bytes are those that torch's CPU allocator handed out, as it told torch's profiler; Python's `tracemalloc` cannot
see them, and a process's resident memory moves for other reasons too. MiB are 2^20 bytes, which the
course prints as MB; the last digit of its 24.034 is some hundred bytes that are not the tensors'.
"""
PUBLISHED = {"before": 1.145, "after": 24.034}  # MiB; the course notebook


def page(sheet: Sheet) -> None:
    n = 300 if sheet.fast else 30_000
    with allocations() as operands:
        x = torch.rand(n, 1, 10)
        y = torch.rand(20, 10)
    with allocations() as broadcast:
        z = x - y
    with allocations() as expanded:
        wide = y.expand_as(z)
    with allocations() as copied:
        left, right = x.expand_as(z).contiguous(), y.expand_as(z).contiguous()
        by_hand = left - right
        del left, right

    result = n * 20 * 10 * 4  # bytes: float32
    sheet.close("x - y: as of the copies that are stretched by hand", z, by_hand, 0)
    sheet.check("x and y take 4 bytes a number", operands.alive == 4 * (n * 10 + 20 * 10))
    sheet.check("x - y allocates the result and nothing else", broadcast.asked == broadcast.alive == result)
    sheet.check("expand_as allocates nothing", expanded.asked == 0)
    sheet.check("expand_as: stride 0 along the new axis", wide.stride() == (0, 10, 1))
    sheet.check("expand_as: the same storage", wide.untyped_storage().data_ptr() == y.untyped_storage().data_ptr())
    sheet.check("stretched by hand, there are three such tensors at a time", copied.peak == 3 * result)

    before, after = operands.alive, operands.alive + broadcast.alive
    sheet.figures |= {
        "before": before, "after": after, "copied": before + copied.peak, "published": PUBLISHED,
        "shapes": [list(x.shape), list(y.shape), list(z.shape)],
    }  # fmt: skip
    rows = [
        ["x and y: before", mib(before), mib(before), mib(before), f"{PUBLISHED['before']:.3f} MB"],
        ["x - y, broadcast: after", mib(broadcast.asked), mib(after), mib(after), f"{PUBLISHED['after']:.3f} MB"],
        ["y.expand_as(x - y)", mib(expanded.asked), mib(after), mib(after), ""],
        ["both stretched and copied", mib(copied.asked), mib(after), mib(before + copied.peak), ""],
    ]
    columns = ["what<", "asked for", "held afterwards", "held at most", "course notebook"]
    sheet.table(f"Memory of x {list(x.shape)} minus y {list(y.shape)}, float32", columns, rows)
    rows = [[name, str(list(t.shape)), str(list(t.stride()))] for name, t in (("y", y), ("y.expand_as(x - y)", wide))]
    sheet.table("Shape and stride: how many numbers to go on for the next entry along each axis",
                ["tensor<", "shape", "stride"], rows)  # fmt: skip
    a_vector_and_a_matrix(sheet)


def a_vector_and_a_matrix(sheet: Sheet) -> None:
    """The vector is added to each row."""
    vector = torch.tensor([1, 2, 3])
    matrix = torch.arange(1, 10).reshape(3, 3)
    known = torch.tensor([[2, 4, 6], [5, 7, 9], [8, 10, 12]])
    sheet.close("[1, 2, 3] + rows of 1 to 9: as published", vector + matrix, known, 0)
    sheet.close("the same, row by row", vector + matrix, by_rows(vector, matrix), 0)
    sheet.refuses("a vector of 2 and a matrix of 3 columns are refused", lambda: torch.ones(2) + torch.ones(3, 3))
    rows = [[str(row.tolist()), str(total.tolist())] for row, total in zip(matrix, vector + matrix, strict=True)]
    sheet.table("A vector and a matrix: [1, 2, 3] is added to each row", ["row", "row + [1, 2, 3]"], rows)


def by_rows(vector: Tensor, matrix: Tensor) -> Tensor:
    return torch.stack([row + vector for row in matrix])


def picture(figures: dict[str, Any]) -> Figure:
    from foundation_pages.memory import MIB
    from initlab.plots.style import BLUE, INK, ORANGE, SMALL, heading, new_figure, plain

    names = ["x and y", "x - y, broadcast", "x - y, both stretched\nand copied first"]
    values = [figures[name] / MIB for name in ("before", "after", "copied")]
    published = [figures["published"]["before"], figures["published"]["after"]]
    figure = new_figure(8.6, 2.8)
    ax = plain(figure.add_subplot())
    ax.barh(range(3), values, height=0.55, color=[BLUE, BLUE, ORANGE])
    ax.plot(published, range(2), "D", color=INK, markersize=6, fillstyle="none", label="course notebook")
    for i, value in enumerate(values):
        ax.text(value + 0.02 * max(values), i, f"{value:,.3f} MiB", fontsize=SMALL, color=INK, va="center")
    ax.set_xlim(0, 1.2 * max(values))
    ax.set_yticks(range(3), names, fontsize=10, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    x, y, z = figures["shapes"]
    heading(ax, "Broadcasting stores the result, not the stretched operands",
            f"the most that is held at a time, MiB: {x} minus {y} gives {z}")  # fmt: skip
    figure.legend(loc="outside lower left", frameon=False, fontsize=9.5, labelcolor=INK)
    return figure
