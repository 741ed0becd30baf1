"""Loops against vectorised addition

d2l 3.1.2: add two vectors of 10,000 ones, one entry at a time and at once. How much does the loop cost, and is it
the addition that is slow or the way to it?
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foundation_pages.clock import Work, duration, factor, measure, times_faster, timing
from foundation_pages.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READING = """
The loop over tensors calls torch four times an entry, twice to read, once to add, once to write, and each call packs
one number into a tensor of its own. The same loop over Python's own numbers is far quicker, so it is the way to the
entries that costs, not the addition. Vectorised, it is one call.

The published times are of one call each, the first of a notebook. What the very first `a + b` of a process takes
is measured here too, in processes of its own: most of it is torch getting ready, and later calls do not pay it again.
"""
PUBLISHED = {  # seconds
    "course notebook": {"loop over tensors": 0.21973, "a + b, the first call": 0.00031},
    "d2l 3.1.2, notebook of 2023": {"loop over tensors": 0.12482, "a + b, the first call": 0.00029},
}
FIRST = """
import time, torch
torch.set_num_threads({threads})
a, b = torch.ones({n}), torch.ones({n})
start = time.perf_counter()
a + b
print(time.perf_counter() - start)
"""


def loop_over_tensors(a: Tensor, b: Tensor) -> Tensor:
    c = torch.zeros_like(a)
    for i in range(len(a)):
        c[i] = a[i] + b[i]
    return c


def loop_over_lists(a: list[float], b: list[float]) -> list[float]:
    c = [0.0] * len(a)
    for i in range(len(a)):
        c[i] = a[i] + b[i]
    return c


def vectorised(a: Tensor, b: Tensor) -> Tensor:
    return a + b


def contenders(a: Tensor, b: Tensor) -> dict[str, Work]:
    """By name; the loop over lists where the numbers can be Python's own."""
    work: dict[str, Work] = {"loop over tensors": lambda: loop_over_tensors(a, b)}
    if a.device.type == "cpu":
        lists = a.tolist(), b.tolist()
        work["loop over lists"] = lambda: loop_over_lists(*lists)
    return work | {"a + b": lambda: vectorised(a, b)}


def first_calls(n: int, processes: int) -> list[float]:
    """Seconds of the first a + b of a process, and nothing before it."""
    code = FIRST.format(n=n, threads=torch.get_num_threads())
    run = [sys.executable, "-c", code]
    return [float(subprocess.run(run, capture_output=True, check=True, text=True).stdout) for _ in range(processes)]


def page(sheet: Sheet) -> None:
    n = 500 if sheet.fast else 10_000
    generator = torch.Generator().manual_seed(0)
    a, b = torch.ones(n), torch.ones(n)
    x, y = torch.randn(n, generator=generator), torch.randn(n, generator=generator)
    sheet.close("the loop over tensors: 1 + 1 = 2", loop_over_tensors(a, b), torch.full((n,), 2.0), 0)
    sheet.close("the loop over tensors: x + y of drawn numbers", loop_over_tensors(x, y), vectorised(x, y), 0)
    in_lists = torch.tensor(loop_over_lists(x.tolist(), y.tolist()), dtype=torch.float64)
    sheet.close("the loop over lists: x + y in float64", in_lists, x.double() + y.double(), 0)

    found = {d.type: measure(contenders(a.to(d), b.to(d)), d, sheet.rounds) for d in sheet.devices}
    first = first_calls(n, 1 if sheet.fast else 3)
    found["cpu"]["a + b, the first call"] = first
    sheet.figures |= {"seconds": found, "published": PUBLISHED, "n": n}

    here, slow = found["cpu"], found["cpu"]["loop over tensors"]
    columns = ["way<", "here", "than over tensors", *PUBLISHED]
    columns += ["here, GPU"] * ("cuda" in found)
    rows = []
    for name, seconds in here.items():
        quicker = "" if seconds is slow or seconds is first else factor(times_faster(slow, seconds))
        row = [name, timing(seconds), quicker]
        row += [duration(source[name]) if name in source else "" for source in PUBLISHED.values()]
        on_gpu = found.get("cuda", {}).get(name)
        row += [timing(on_gpu) if on_gpu else ""] if "cuda" in found else []
        rows.append(row)
    sheet.table(f"Time to add {n:,} and {n:,} numbers, median and quartiles", columns, rows)


def picture(figures: dict[str, Any]) -> Figure:
    from foundation_pages.ladder import ladder

    here = {device: dict(seconds) for device, seconds in figures["seconds"].items()}
    first = here["cpu"].pop("a + b, the first call")
    names = {"cpu": "here, CPU", "cuda": "here, GPU"}
    groups = {names[device]: seconds for device, seconds in here.items()}
    groups["here, the first call of a process"] = {"a + b, the first call": first}
    return ladder(
        groups,
        figures["published"],
        f"One call into torch instead of {4 * figures['n']:,}",
        f"median and quartiles to add {figures['n']:,} and {figures['n']:,} numbers; times faster than the way above",
    )
