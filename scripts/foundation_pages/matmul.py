"""The matrix product, five ways

fast.ai, chapter 17 (Howard and Gugger 2020): c_ij = sum over k of a_ik b_kj, first one number at a time, then with one
loop fewer at each rung. The product is that of the book: a batch of 5 images of 28 x 28 pixels times 784 x 10 weights.
How much does each loop cost, and does every way give the same matrix?
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foundation_pages.clock import duration, factor, measure, times_faster, timing
from foundation_pages.sheet import Sheet
from initlab.nn import Linear

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
Each rung does the same multiplications. What shrinks is the number of times that Python is asked: a loop over k asks
for every single number, `@` once. The factors depend on the machine and on torch; that each rung is quicker than the
one above is what to look for. Beyond `@` there is nothing to gain by hand.

Broadcasting has a price: where one of the two inner sizes is 1, it stretches it, and a product that does not exist
gets an answer. So every way but `@` asks `fitting` first; the second table shows what `torch.einsum` says unasked.
"""
BOOK = {  # seconds: the outputs printed in the notebook of chapter 17
    "three loops": 1.15, "two loops": 1.7e-3, "one loop": 357e-6, "einsum": 68.7e-6, "@": 14e-6,
}  # fmt: skip


def fitting(a: Tensor, b: Tensor) -> tuple[int, int, int]:
    """Rows of a, columns of a (which are the rows of b), columns of b; a ValueError where a @ b does not exist."""
    (rows, inner), (inner_too, columns) = a.shape, b.shape
    if inner != inner_too:
        raise ValueError(
            f"a has {inner} columns but b has {inner_too} rows: a @ b needs as many of one as of the other"
        )
    return rows, inner, columns


def three_loops(a: Tensor, b: Tensor) -> Tensor:
    """One number at a time."""
    rows, inner, columns = fitting(a, b)
    c = a.new_zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            for k in range(inner):
                c[i, j] += a[i, k] * b[k, j]
    return c


def two_loops(a: Tensor, b: Tensor) -> Tensor:
    """A row of a times a column of b, element by element, then the sum."""
    rows, _, columns = fitting(a, b)
    c = a.new_zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            c[i, j] = (a[i] * b[:, j]).sum()
    return c


def one_loop(a: Tensor, b: Tensor) -> Tensor:
    """A row of a, stood upright, is broadcast over all columns of b; the sum runs down the rows."""
    rows, _, columns = fitting(a, b)
    c = a.new_zeros(rows, columns)
    for i in range(rows):
        c[i] = (a[i].unsqueeze(-1) * b).sum(dim=0)
    return c


def by_einsum(a: Tensor, b: Tensor) -> Tensor:
    """k stands on the left alone, so it is summed over."""
    fitting(a, b)
    return torch.einsum("ik,kj->ij", a, b)


WAYS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "three loops": three_loops,
    "two loops": two_loops,
    "one loop": one_loop,
    "einsum": by_einsum,
    "@": operator.matmul,
}


def dense(X: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """A dense layer: X [batch, inputs], W [outputs, inputs], b [outputs]."""
    return X @ W.T + b


def dense_in_lists(X: list[list[float]], W: list[list[float]], b: list[float]) -> list[list[float]]:
    """The same without torch: a neuron is a row of W and an entry of b."""
    return [
        [sum(x * w for x, w in zip(row, neuron, strict=True)) + bias for neuron, bias in zip(W, b, strict=True)]
        for row in X
    ]


def rounding(a: Tensor, b: Tensor) -> Tensor:
    """How far a product of n terms in float32 may be from the exact one: n eps times the sum of |a_ik| |b_kj|."""
    return a.shape[1] * torch.finfo(torch.float32).eps * (a.double().abs() @ b.double().abs())


def page(sheet: Sheet) -> None:
    generator = torch.Generator().manual_seed(0)
    inner = 40 if sheet.fast else 784
    a, b = torch.randn(5, inner, generator=generator), torch.randn(inner, 10, generator=generator)
    exact = a.double() @ b.double()
    for name, product in WAYS.items():
        for device in sheet.devices:
            words = f"{name}{' on the GPU' * (device.type == 'cuda')}: the product in float64, to rounding"
            sheet.close(words, product(a.to(device), b.to(device)), exact, rounding(a, b))
    known = torch.tensor([[25, 28, 31, 34, 37], [70, 82, 94, 106, 118], [115, 136, 157, 178, 199]])
    for name, product in WAYS.items():
        got = product(torch.arange(9).reshape(3, 3), torch.arange(15).reshape(3, 5))
        sheet.close(f"{name}: arange(9) [3, 3] times arange(15) [3, 5], as published", got, known, 0)
    found: dict[str, dict[str, list[float]]] = {}
    for device in sheet.devices:
        at, bt = a.to(device), b.to(device)
        work = {name: partial(product, at, bt) for name, product in WAYS.items()}
        found[device.type] = measure(work, device, sheet.rounds)
    sheet.figures |= {"seconds": found, "published": BOOK, "shapes": [list(a.shape), list(b.shape)]}
    ladder_table(sheet, found)
    shapes_that_do_not_fit(sheet)
    two_dense_layers(sheet, a, b.T, torch.randn(10, generator=generator))


def ladder_table(sheet: Sheet, found: dict[str, dict[str, list[float]]]) -> None:
    columns = ["way<", "here", "than the rung above", "than three loops", "book, 2020", "book, than above"]
    columns += ["here, GPU"] * ("cuda" in found)
    rows, above = [], ""
    here = found["cpu"]
    for name, seconds in here.items():
        row = [name, timing(seconds)]
        row += [factor(times_faster(here[above], seconds)) if above else ""]
        row += [factor(times_faster(here["three loops"], seconds)) if above else ""]
        row += [duration(BOOK[name]), factor(BOOK[above] / BOOK[name]) if above else ""]
        row += [timing(found["cuda"][name])] if "cuda" in found else []
        rows.append(row)
        above = name
    sheet.table("Time of one product, median and quartiles, and how many times faster", columns, rows)


def shapes_that_do_not_fit(sheet: Sheet) -> None:
    rows = []
    for left, right in (((2, 3), (4, 5)), ((2, 1), (3, 4)), ((2, 3), (1, 4))):
        a, b = torch.ones(left), torch.ones(right)
        for name, product in WAYS.items():
            sheet.refuses(f"{name}: refuses {list(left)} @ {list(right)}", partial(product, a, b))
        try:
            said = f"answers, {list(torch.einsum('ik,kj->ij', a, b).shape)}"
        except RuntimeError:
            said = "refuses"
        rows.append([f"{list(left)} @ {list(right)}", "all five refuse", said])
    sheet.table("Shapes that do not fit", ["shapes<", "the ways above", "torch.einsum unasked"], rows)


def two_dense_layers(sheet: Sheet, X: Tensor, W: Tensor, b: Tensor) -> None:
    """X [batch, inputs], W [outputs, inputs], b [outputs]."""
    exact = X.double() @ W.double().T + b.double()
    allowed = rounding(X, W.T) + torch.finfo(torch.float32).eps * exact.abs()
    sheet.close("dense layer as a product: that in float64, to rounding", dense(X, W, b), exact, allowed)
    lists: tuple[Any, Any, Any] = (X.tolist(), W.tolist(), b.tolist())
    in_lists = torch.tensor(dense_in_lists(*lists), dtype=torch.float64)
    sheet.close("dense layer in Python lists: the same", in_lists, exact, 1e-9 * rounding(X, W.T))
    layer = Linear(W.shape[1], W.shape[0])
    layer.load_state_dict({"weight": W, "bias": b})
    sheet.close("initlab.nn.Linear: the same", layer(X), exact, allowed)
    sheet.refuses("dense layer in Python lists: refuses inputs of another length",
                  lambda: dense_in_lists([[1.0, 2.0]], [[1.0]], [0.0]))  # fmt: skip
    with torch.no_grad():
        work = {
            "in Python lists": lambda: dense_in_lists(*lists),
            "X @ W.T + b": lambda: dense(X, W, b),
            "initlab.nn.Linear": lambda: layer(X),
        }
        found = measure(work, torch.device("cpu"), sheet.rounds)
    sheet.figures["dense seconds"] = found
    slow = found["in Python lists"]
    rows = [[name, timing(s), "" if s is slow else factor(times_faster(slow, s))] for name, s in found.items()]
    columns = ["way<", "here", "than in lists"]
    sheet.table(f"Time of a dense layer, {X.shape[1]} inputs, {W.shape[0]} outputs, {len(X)} rows", columns, rows)


def picture(figures: dict[str, Any]) -> Figure:
    from foundation_pages.ladder import ladder

    left, right = figures["shapes"]
    names = {"cpu": "here, CPU", "cuda": "here, GPU"}
    return ladder(
        {names[device]: seconds for device, seconds in figures["seconds"].items()},
        {"the book, 2020": figures["published"]},
        "Every loop that leaves Python makes the product quicker",
        f"{left} @ {right}: median and quartiles of one product, and how many times faster than the rung above",
    )
