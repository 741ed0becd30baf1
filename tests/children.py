"""Real processes that train, through the command line, and die where they are told to.

They are forks of one process that has imported torch and lightning, so each begins in milliseconds.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from initlab.config import CONFIGS
from initlab.models import LinearRegression

TRAIN = CONFIGS.parent / "scripts" / "train.py"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["children", "initlab.train"])


class NoisyRegression(LinearRegression):
    """With dropout, which draws from torch's own generator at every step."""

    def forward(self, X: Tensor) -> Tensor:
        return self.net(torch.nn.functional.dropout(X, 0.1, self.training))


def start(words: Sequence[str], cwd: Path, die: str = "") -> ForkServerProcess:
    """`python scripts/train.py <words>` in `cwd`; its output goes to cwd/said. `die`: see `_arrange`."""
    process = CONTEXT.Process(target=_child, args=(list(words), str(cwd), die))
    process.start()
    return process


def run(words: Sequence[str], cwd: Path, die: str = "") -> int | None:
    """Its exit status; minus the signal's number where a signal killed it."""
    process = start(words, cwd, die)
    process.join(120)
    return process.exitcode


def wait_for(true: Callable[[], object], process: ForkServerProcess) -> None:
    deadline = time.monotonic() + 60
    while not true() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert true(), (process.exitcode, "it never came to that")


def _child(words: list[str], cwd: str, die: str) -> None:
    os.chdir(cwd)
    said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.argv = [str(TRAIN), *words]
    _arrange(die)
    runpy.run_path(str(TRAIN), run_name="__main__")


def _arrange(die: str) -> None:
    """`step 37`: SIGKILL before update 37; `fail 37`, `sleep 37`: an exception, a long sleep there. `write 2`: when
    last.ckpt's second version is written but not in place. `Class.method 2`: when that is called the second time,
    before it does anything."""
    import initlab.runs.atomic as atomic
    from initlab.monitor.findings_report import FindingsReport
    from initlab.runs import RunDir
    from initlab.runs.exact_steps import ExactSteps
    from initlab.runs.last_checkpoint import LastCheckpoint

    if not die:
        return
    what, _, number = die.partition(" ")
    left = int(number)
    end = {"fail": _fail, "sleep": _sleep}.get(what, _kill)

    def before(owner: Any, name: str, condition: Callable[..., bool]) -> None:
        original = getattr(owner, name)

        def replaced(*args: Any, **more: Any) -> Any:
            nonlocal left
            if condition(*args):
                left -= 1
                if left <= 0:
                    end()
            return original(*args, **more)

        setattr(owner, name, replaced)

    if what in ("step", "fail", "sleep"):
        at, left = left, 0
        before(ExactSteps, "on_train_batch_start", lambda self, trainer, *_: trainer.global_step == at)
    elif what == "write":
        before(atomic.os, "replace", lambda part, path: str(path).endswith("last.ckpt"))
    else:
        owner, name = what.split(".")
        owners = {o.__name__: o for o in (LastCheckpoint, LinearRegression, RunDir, FindingsReport)}
        before(owners[owner], name, lambda *_: True)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> None:
    raise ZeroDivisionError("as arranged")


def _sleep() -> None:
    print("asleep", flush=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # time.sleep goes on after a signal; so does an update
        time.sleep(0.01)
