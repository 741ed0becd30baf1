"""ReLU, three ways

fast.ai, chapter 17: max(x, 0), x times the mask x > 0, and (|x| + x) / 2, on a 5000 x 5000 matrix of float64.
Which is quickest, and are they the same function everywhere?
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from foundation_pages.clock import Work, duration, measure, timing
from foundation_pages.sheet import Sheet
from initlab.nn import ACTIVATIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
None of them calculates much. What takes the time is memory: reading the matrix, and above all asking the system for
new matrices, whose pages it has to clear and hand over. The mask takes a byte an entry more than the result,
`(|x| + x) / 2` up to two matrices more; `maximum` into a matrix that is there already asks for nothing, and its row
shows what is left then. NumPy asks Linux for large pages, of which fewer are needed; torch does so when the environment
says THP_MEM_ALLOC_ENABLE=1, and then the two columns come together: the formula is not the difference.

They are equal on ordinary numbers only. At the edge `max` alone keeps the limit: -inf times a mask of 0 is nan, and
|x| + x overflows before it is halved. And at 0, where ReLU has no derivative, autograd gives what the formula suggests:
a half where the two branches tie. `initlab.nn` takes 0 there, as `torch.relu` does.
"""
INTO = "maximum, into memory it has"
PUBLISHED = {"maximum": 0.573, "times mask": 0.340, "(|x| + x) / 2": 0.670}  # seconds; the course notebook, undated


def by_maximum(x: Tensor) -> Tensor:
    return torch.maximum(x, torch.zeros((), dtype=x.dtype, device=x.device))


def by_mask(x: Tensor) -> Tensor:
    return x * (x > 0)


def by_abs(x: Tensor) -> Tensor:
    return (x.abs() + x) / 2


WAYS: dict[str, Callable[[Tensor], Tensor]] = {"maximum": by_maximum, "times mask": by_mask, "(|x| + x) / 2": by_abs}
IN_NUMPY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "maximum": lambda x: np.maximum(x, 0),
    "times mask": lambda x: x * (x > 0),
    "(|x| + x) / 2": lambda x: (np.abs(x) + x) / 2,
}


def page(sheet: Sheet) -> None:
    side = 200 if sheet.fast else 5000
    x = torch.empty(side, side, dtype=torch.float64).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
    own = ACTIVATIONS["relu"].value(x)
    sheet.check("initlab.nn's relu: 0 where x < 0, x elsewhere", own.equal(torch.where(x < 0, 0.0, x)))
    for name, relu in WAYS.items():
        sheet.close(f"{name}: that of initlab.nn", relu(x), own, 0)  # doubling and halving are exact
        sheet.close(f"{name} in NumPy: the same", torch.from_numpy(IN_NUMPY[name](x.numpy())), own, 0)
        for device in sheet.devices[1:]:
            sheet.close(f"{name} on the GPU: the same", relu(x.to(device)), own, 0)

    found = {"NumPy": measure(contenders_in_numpy(x.numpy()), x.device, sheet.rounds)}
    for device in sheet.devices:
        name = "torch" if device.type == "cpu" else "torch, GPU"
        found[name] = measure(contenders(x.to(device)), device, sheet.rounds)
    sheet.figures |= {"seconds": found, "published": PUBLISHED, "side": side}
    libraries = list(found)
    columns = ["way<", *(f"here, {library}" for library in libraries), "course notebook"]
    rows = []
    for name in found["torch"]:
        row = [name]
        for library in libraries:
            seconds = found[library].get(name)
            row.append(timing(seconds) if seconds else "")
        rows.append([*row, duration(PUBLISHED[name]) if name in PUBLISHED else ""])
    caption = f"Time on {side} x {side} numbers of float64, median and quartiles"
    sheet.table(caption, columns, rows)
    edges(sheet)


def contenders(x: Tensor) -> dict[str, Work]:
    zero, there = torch.zeros((), dtype=x.dtype, device=x.device), torch.empty_like(x)
    work: dict[str, Work] = {name: partial(relu, x) for name, relu in WAYS.items()}
    work[INTO] = lambda: torch.maximum(x, zero, out=there)
    return work | {"initlab.nn": partial(ACTIVATIONS["relu"].value, x)}


def contenders_in_numpy(x: np.ndarray) -> dict[str, Work]:
    there = np.empty_like(x)
    work: dict[str, Work] = {name: partial(relu, x) for name, relu in IN_NUMPY.items()}
    return work | {INTO: lambda: np.maximum(x, 0, out=there)}


def edges(sheet: Sheet) -> None:
    """Where the three part: at the ends of the number line, and in the derivative at 0."""
    most = torch.finfo(torch.float64).max
    at = torch.tensor([-torch.inf, torch.inf, most], dtype=torch.float64)
    limits = torch.tensor([0.0, torch.inf, most], dtype=torch.float64)
    rows, slopes = [], {}
    for name, relu in {**WAYS, "initlab.nn": ACTIVATIONS["relu"].value}.items():
        zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(relu(zero).sum(), zero)
        slopes[name] = slope.item()
        rows.append([name, *(f"{value:.3g}" for value in relu(at).tolist()), f"{slope.item():g}"])
    for name, relu in (("maximum", by_maximum), ("initlab.nn", ACTIVATIONS["relu"].value)):
        sheet.check(f"{name}: has its limits at -inf, inf and the largest number", relu(at).equal(limits))
    sheet.check("initlab.nn: the derivative at 0 is 0", slopes["initlab.nn"] == 0)
    sheet.figures["derivative at 0"] = slopes
    columns = ["way<", "at -inf", "at inf", f"at {most:.3g}", "derivative at 0, by autograd"]
    sheet.table("Where they are not the same function", columns, rows)


def picture(figures: dict[str, Any]) -> Figure:
    from foundation_pages.ladder import ladder

    side = figures["side"]
    return ladder(
        {f"here, {library}": seconds for library, seconds in figures["seconds"].items()},
        {"course notebook": figures["published"]},
        "ReLU costs the memory that it asks for",
        f"{side} x {side} numbers of float64, median and quartiles",
        factors=False,
    )
