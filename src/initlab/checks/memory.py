"""Whether what a config describes can fit into the memory of this machine, computed before anything is allocated."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

from initlab.checks.shipped_class import shipped_class, with_defaults
from initlab.errors import UserError

CHAINS = ("initlab.models.MLP", "initlab.models.MLPRegression")
NO_HIDDEN = ("initlab.models.LinearRegression", "initlab.models.SoftmaxRegression", "initlab.models.Neuron")
VALUE = 4  # bytes of a float32; trainer.precision=64-true takes twice as much
EVAL_ROWS = 1024  # of a batch that is validated
LAYER = 20_000  # bytes of Python objects for a layer and its place in the backward pass
IMAGES = 70_000
WEIGHTS = range(2)  # as many as the regression has where a config names none


# The keys that say how large the data are.
SHAPE = {
    "initlab.data.FashionMNIST": {"resize"},
    "initlab.data.TruthTable": {"inputs", "outputs", "steps_per_epoch"},
}


def check_data(plain: dict[str, Any]) -> None:
    """Raise UserError for a shipped data set that needs more memory than there is; `plain`: the resolved config."""
    data = plain["data"]
    target = data.get("_target_")
    if not SHAPE.get(target, set()) <= data.keys():
        return  # it cannot be made, and is told so
    if target == "initlab.data.SyntheticRegression":
        rows = sum(data.get(key, 0) for key in ("num_train", "num_val", "num_test"))
        needed = 3 * rows * (len(data.get("w", WEIGHTS)) + 2) * VALUE
        keys = "data.num_train, data.num_val or data.num_test"
        said = ", ".join(f"data.{key}={data.get(key)}" for key in ("num_train", "num_val", "num_test"))
    elif target == "initlab.data.FashionMNIST":
        height, width = data["resize"]
        needed, keys, said = 2 * IMAGES * height * width, "data.resize", f"data.resize={data['resize']}"
    elif target == "initlab.data.TruthTable":
        cells = sum(map(len, data["inputs"])) + sum(len(y) if isinstance(y, list) else 1 for y in data["outputs"])
        needed = cells * data["steps_per_epoch"] * VALUE
        keys, said = "data.steps_per_epoch", f"data.steps_per_epoch={data['steps_per_epoch']}"
    else:
        return
    _compare(said, "the data", needed, keys)


def check_model(plain: dict[str, Any], num_inputs: int, num_outputs: int, num_rows: int) -> None:
    """Raise UserError for a shipped model whose training needs more memory than there is."""
    model, optimizer = plain["model"], plain["optimizer"]
    hidden: list[int] = []
    kind = shipped_class(model["_target_"])
    if kind in CHAINS:
        model = with_defaults(model)
        given = model["num_hiddens"]
        hidden = [model["width"]] * model["depth"] if given is None else given
    elif kind not in NO_HIDDEN:
        return
    widths = [num_inputs, *hidden, num_outputs]
    parameters = sum((a + 1) * b for a, b in pairwise(widths))
    largest = max(a * b for a, b in pairwise(widths))
    slots = _state_per_parameter(optimizer)
    value = 2 * VALUE if "64" in str(plain["trainer"].get("precision")) else VALUE
    batch = min(plain["data"].get("batch_size", num_rows), num_rows)
    trained = (2 + slots) * parameters * value  # weights and gradients
    activations = max(3 * batch, EVAL_ROWS if num_rows > EVAL_ROWS else num_rows) * sum(widths) * value
    needed = trained + largest * value + activations + len(widths) * LAYER
    keys = "model.num_hiddens" if model.get("num_hiddens") is not None else "model.width or model.depth"
    if not hidden:
        keys = "the number of inputs"
    if activations > trained:
        keys = f"data.batch_size, {keys}"
    shape = f"hidden layers of {_range(hidden)} units ({len(hidden)} of them)" if hidden else f"{num_inputs:,} inputs"
    said = f"{shape}, {parameters:,} parameters and batches of {batch:,}"
    _compare(said, f"weights, gradients, {'optimiser state, ' if slots else ''}activations", needed, keys, plain)


def _state_per_parameter(optimizer: dict[str, Any]) -> int:
    """How many values the optimiser keeps for each parameter."""
    from hydra.utils import get_object
    from torch import optim

    made = get_object(optimizer["_target_"])
    kept = {optim.Adam: 2, optim.RMSprop: 1, optim.Adagrad: 1, optim.LBFGS: 20}  # AdamW is an Adam
    found = (count for kind, count in kept.items() if isinstance(made, type) and issubclass(made, kind))
    return next(found, 1 if optimizer.get("momentum") else 0)


def _range(hidden: list[int]) -> str:
    low, high = min(hidden), max(hidden)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _compare(said: str, what: str, needed: int, keys: str, plain: dict[str, Any] | None = None) -> None:
    there, where = available(), "memory"
    if plain is not None and plain["trainer"].get("accelerator") != "cpu":
        on_gpu = _on_gpu()
        there, where = (on_gpu, "memory of the GPU") if on_gpu is not None else (there, where)
    if there is not None and needed > there:
        amounts = f"{needed / 2**30:,.1f} GiB of {where}, and {there / 2**30:,.1f} GiB are free"
        raise UserError(f"{said}: {what} need {amounts}; lower {keys}")


def available() -> int | None:
    """Bytes that this process may still take; None where the system does not say."""
    limits = [
        limit - used
        for limit, used in (
            (_number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")),
            (
                _number("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
                _number("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
            ),
        )
        if limit is not None and used is not None
    ]
    cached = sum(_field("/sys/fs/cgroup/memory.stat", name) or 0 for name in ("inactive_file", "active_file"))
    limits = [limit + cached for limit in limits]  # the system takes what is only cached back
    free = _field("/proc/meminfo", "MemAvailable:")
    if free is not None:
        limits.append(free * 1024)
    if not limits and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(limits)) if limits else None


def _on_gpu() -> int | None:
    import torch

    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # "max": no limit
        return None


def _field(path: str, name: str) -> int | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.split()[0] == name), None)
