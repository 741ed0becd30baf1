"""What each value may be, said once: for the command line, before anything heavy is imported, and for constructors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from initlab.checks.rule import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    SIZE,
    SOME_BATCHES,
    TRUTH,
    Rule,
    check_value,
    choice,
    is_list,
    is_number,
    is_whole,
    list_of,
    number,
    optional,
    whole,
)
from initlab.errors import UserError

ACTIVATION_NAMES = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "identity")
MATMUL_PRECISIONS = ("highest", "high", "medium")  # torch's words
MOST_THREADS = 1024  # more cores than a machine has; a system may refuse so many threads
MOST_LAYERS = 10_000  # they take minutes to build; the deepest networks that were trained have as many
LARGEST_DATUM = 1e15  # of made-up data: the squared error of some 10^4 times as much is still finite in float32
QUANTITIES = (  # what a monitor records of layers, of gradients with respect to them, of parameters
    "mean", "std", "min", "max", "active", "dead", "saturated", "nonfinite", "histogram",
    "grad_std",
    "grad_norm", "weight_norm", "update_ratio", "loss",
)  # fmt: skip


def _is_name(value: object) -> bool:
    """Of a column: a column named 2020 comes from the command line as a number."""
    return (isinstance(value, str) and value != "") or is_whole(value)


def _is_table(value: object, of: Callable[[Any], bool] = is_number) -> bool:
    return is_list(value) and len(value) > 0 and all(is_list(row) and row and all(map(of, row)) for row in value)


def _is_datum(value: object) -> bool:
    return is_number(value) and abs(value) <= LARGEST_DATUM


def _is_duration(value: object) -> bool:
    if isinstance(value, dict):
        return (
            value.keys() <= {"weeks", "days", "hours", "minutes", "seconds"}
            and all(is_number(v) and v >= 0 for v in value.values())
            and sum(value.values()) > 0
        )
    return isinstance(value, str) and bool(re.fullmatch(r"\d+(:\d\d){3}", value)) and value.strip("0:") != ""


FINITE = f"up to {LARGEST_DATUM:g} in size, as float32 cannot hold the squared error of larger ones"

PLACE = Rule(
    lambda v: isinstance(v, str) and v != "" and not v.startswith("~") and "://" not in v and "${" not in v,
    "the path of a folder on this machine, such as outputs/mine, with no ~ for home and no ${ in it",
)
FOLDER = optional(
    Rule(lambda v: isinstance(v, str) and v != "" and "://" not in v, "a folder on this machine"), "the logger's folder"
)

RULES: dict[str, Rule] = {
    "seed": Rule(lambda v: is_whole(v) and 0 <= v < 2**32, "a whole number from 0 to 4294967295 (NumPy's range)"),
    "init_seed": whole(),
    "lr": NOT_NEGATIVE,
    "threads": optional(
        Rule(
            lambda v: is_whole(v) and 1 <= v <= MOST_THREADS,
            f"a whole number of at least 1 and at most {MOST_THREADS}",
        ),
        "all cores",
    ),
    "steps_per_execution": whole(1),
    "matmul_precision": Rule(
        lambda v: v in MATMUL_PRECISIONS, "highest, high (TF32 on a GPU that has it) or medium", MATMUL_PRECISIONS
    ),
    "monitor": Rule(lambda v: isinstance(v, str), "the name of a metric, such as val/loss or val/acc"),
    "mode": choice("min", "max"),
    "run_dir": PLACE,
    "resume": optional(Rule(lambda v: isinstance(v, str), "latest or the folder of a run"), "a new run"),
    # data
    "data.root": Rule(lambda v: isinstance(v, str) and v != "", "a folder"),
    "data.batch_size": whole(1),
    "data.resize": list_of(whole(1), "[height, width], two whole numbers of at least 1", length=2),
    "data.normalize": TRUTH,
    "data.num_val": Rule(
        lambda v: is_whole(v) and 0 <= v < 60_000,
        "a whole number from 0 (validate on the test set) to 59999 images held out of the training set",
    ),
    "data.split_seed": whole(),
    "data.seed": whole(),
    "data.w": list_of(Rule(_is_datum, ""), f"a list of numbers {FINITE}, one for each input, such as [2, -3.4]"),
    "data.b": Rule(_is_datum, f"a number {FINITE}"),
    "data.noise": Rule(lambda v: _is_datum(v) and v >= 0, f"a number of at least 0 {FINITE}"),
    "data.num_train": whole(1),
    "data.num_test": whole(1),
    "data.path": Rule(
        lambda v: isinstance(v, str) and v != "" and "://" not in v,
        "the path of a CSV file on this machine, such as data.path=houses.csv",
    ),
    "data.target": Rule(
        _is_name,
        "the name of the column to learn, such as data.target=Price, \"data.target='1.5'\" if it reads as a number",
    ),
    "data.na_values": Rule(
        lambda v: is_list(v) and all(isinstance(w, str) or is_number(w) for w in v),
        "a list of the cells that count as missing, such as [NA, '?']",
    ),
    "data.drop": Rule(lambda v: is_list(v) and all(map(_is_name, v)), "a list of columns to leave out, such as [Id]"),
    "data.text": Rule(lambda v: is_list(v) and all(map(_is_name, v)), "a list of columns, such as [Postcode]"),
    "data.decimal": optional(Rule(lambda v: v in (".", ","), '"." or ","'), "found from the cells"),
    "data.thousands": optional(
        Rule(lambda v: v in (",", ".", " ", "'"), """",", ".", " " or "'\""""), "whatever data.decimal leaves of them"
    ),
    "data.val_size": SIZE,
    "data.test_size": SIZE,
    "data.inputs": Rule(
        lambda v: _is_table(v, _is_datum),
        f"a list of rows of numbers {FINITE}, such as [[0, 0], [0, 1], [1, 0], [1, 1]]",
    ),
    "data.outputs": Rule(
        lambda v: _is_table(v, _is_datum) or (is_list(v) and len(v) > 0 and all(map(_is_datum, v))),
        f"a list of numbers {FINITE}, one for each row of data.inputs, or of lists of them",
    ),
    "data.ask": optional(list_of(number(), "a list of numbers, as long as a row of data.inputs"), "nothing is asked"),
    "data.steps_per_epoch": whole(1),
    # model
    "model.num_hiddens": optional(
        Rule(
            lambda v: is_list(v) and 0 < len(v) <= MOST_LAYERS and all(is_whole(n) and n >= 1 for n in v),
            f"a list of at least one whole number above 0 and at most {MOST_LAYERS} of them, such as [512, 256] "
            "(no hidden layer at all is model=softmax, or model=linear for numbers)",
        ),
        "model.depth layers of model.width units",
    ),
    "model.depth": Rule(
        lambda v: is_whole(v) and 1 <= v <= MOST_LAYERS, f"a whole number of layers from 1 to {MOST_LAYERS}"
    ),
    "model.width": whole(1),
    "model.activation": choice(*ACTIVATION_NAMES),
    "model.bias": TRUTH,
    "model.channels": whole(1),
    "model.norm": choice("none", "batch"),
    "model.residual": TRUTH,
    "model.branch_scale": NOT_NEGATIVE,
    "model.norm_first": TRUTH,
    "model.layers": choice("scratch", "torch"),
    "model.backward": choice("autograd", "manual"),
    "model.loss": choice("half_squared_error", "squared_error"),
    "model.output_activation": choice(*ACTIVATION_NAMES),
    "model.derivative": choice("correct", "published"),
    # init
    "init.value": number(),
    "init.sigma": NOT_NEGATIVE,
    "init.sigma_w": NOT_NEGATIVE,
    "init.sigma_b": NOT_NEGATIVE,
    "init.bound": NOT_NEGATIVE,
    "init.distribution": choice("normal", "uniform"),
    "init.mode": choice("fan_in", "fan_out"),
    "init.gain": optional(POSITIVE, "the gain of the model's activation"),
    "init.delta": TRUTH,
    "init.sparsity": number(0, 1.0000001, "a share from 0 to 1"),
    "init.q": optional(POSITIVE, "the smallest of at least 0.5 that has a critical point"),
    "init.base_width": whole(1),
    "init.tolerance": Rule(lambda v: is_number(v) and 0 < v < 1, "a number between 0 and 1"),
    "init.max_iterations": whole(1),
    "init.weights": Rule(
        lambda v: is_list(v) and len(v) > 0 and all(map(_is_table, v)),
        "a list with the weight of every dense layer, each a list of rows, one for each of its outputs",
    ),
    "init.biases": optional(
        Rule(
            lambda v: is_list(v) and len(v) > 0 and all(is_list(b) and b and all(map(is_number, b)) for b in v),
            "a list with the bias of every dense layer, each a list of numbers",
        ),
        "zeros",
    ),
    # optimizer and scheduler
    "optimizer.lr": NOT_NEGATIVE,
    "optimizer.momentum": SHARE,
    "optimizer.weight_decay": NOT_NEGATIVE,
    "optimizer.l1": NOT_NEGATIVE,
    "optimizer.betas": list_of(SHARE, "two numbers from 0 up to, but not including, 1", length=2),
    "scheduler.every_n_epochs": whole(1),
    "scheduler.gamma": POSITIVE,
    "scheduler.pct_start": Rule(lambda v: is_number(v) and 0 < v < 1, "a number between 0 and 1"),
    # trainer
    "trainer.accelerator": choice("auto", "cpu", "gpu", "cuda", "mps"),
    "trainer.devices": whole(1),
    "trainer.strategy": choice("auto", "ddp"),
    "trainer.num_nodes": Rule(lambda v: is_whole(v) and v == 1, "1: a run uses one machine"),
    "trainer.fast_dev_run": Rule(
        lambda v: isinstance(v, bool) or (is_whole(v) and v >= 0), "true, false or a number of batches"
    ),
    "trainer.num_sanity_val_steps": Rule(
        lambda v: is_whole(v) and v >= -1, "a whole number of batches, or -1: all of them"
    ),
    "trainer.max_epochs": Rule(
        lambda v: is_whole(v) and (v >= 1 or v == -1),
        "a whole number of at least 1, or -1: no limit, where trainer.max_steps or trainer.max_time is one",
    ),
    "trainer.max_steps": Rule(
        lambda v: is_whole(v) and (v >= 1 or v == -1), "a whole number of at least 1, or -1: no limit"
    ),
    "trainer.max_time": optional(
        Rule(_is_duration, 'a time above 0 as "DD:HH:MM:SS", such as "00:01:30:00", or as {hours: 1, minutes: 30}'),
        "no limit",
    ),
    "trainer.min_epochs": optional(whole(1), "none"),
    "trainer.min_steps": optional(whole(1), "none"),
    "trainer.gradient_clip_val": optional(POSITIVE, "no clipping"),
    "trainer.gradient_clip_algorithm": choice("norm", "value"),
    "trainer.accumulate_grad_batches": whole(1),
    "trainer.check_val_every_n_epoch": whole(1),
    "trainer.limit_train_batches": Rule(lambda v: SOME_BATCHES.allows(v) and v > 0, f"{SOME_BATCHES.words}, above 0"),
    "trainer.limit_val_batches": SOME_BATCHES,
    "trainer.limit_test_batches": SOME_BATCHES,
    "trainer.overfit_batches": SOME_BATCHES,
    "trainer.detect_anomaly": TRUTH,
    "trainer.deterministic": Rule(lambda v: isinstance(v, bool) or v == "warn", "true, false or warn", ("warn",)),
    "trainer.profiler": optional(choice("simple", "advanced", "pytorch"), "none"),
    # callbacks
    "callbacks.activation_stats.every_n_steps": whole(1),
    "callbacks.monitor.every_n_steps": whole(1),
    "callbacks.monitor.dense_steps": whole(),
    "callbacks.monitor.layers": optional(
        Rule(
            lambda v: v != [] and all(isinstance(w, str) and w for w in (v if is_list(v) else [v])),
            "a pattern, or a list of them",
        ),
        "every layer",
    ),
    "callbacks.monitor.quantities": optional(
        list_of(choice(*QUANTITIES), f"a list of some of {', '.join(QUANTITIES)}"), "all of them"
    ),
    "callbacks.monitor.max_overhead": optional(POSITIVE, "keep the stride, whatever it costs"),
    "callbacks.monitor.stop_on_nonfinite": TRUTH,
    "callbacks.monitor.table": TRUTH,
    "callbacks.monitor.folder": FOLDER,
    "callbacks.activation_stats.folder": FOLDER,
    "callbacks.last.every_n_steps": whole(1),
    "callbacks.last.min_seconds": NOT_NEGATIVE,
    "callbacks.step_curve.every_n_steps": whole(1),
    # scripts/forecast.py
    "forecast.measure": whole(0),
    "forecast.rank": Rule(
        lambda v: isinstance(v, bool) or v in ("init", "activation"),
        "true, false, init or activation",
        ("init", "activation"),
    ),
}


def check(key: str, value: Any) -> None:
    """Raise UserError with one sentence unless `value` is allowed under `key`; unknown keys pass."""
    if key in RULES:
        check_value(key, value, RULES[key])


def check_by_hand(devices: int, precision: str, layers: str) -> None:
    """Raise UserError where model.backward=manual cannot give the right gradients."""
    for key, value, allowed in (
        ("model.layers", layers, ("scratch",)),
        ("trainer.precision", str(precision), ("32-true", "32", "64-true", "64")),
        ("trainer.devices", devices, (1,)),
    ):
        if value not in allowed:
            raise UserError(f"{key}={value}: model.backward=manual needs {allowed[0]}; or take model.backward=autograd")
