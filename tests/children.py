"""Real processes, which stop or die exactly where they are told to, and do not outlive the tests.

`start` and `run` train, through the command line; they are forks of one process that has imported torch and lightning,
so each starts in milliseconds, as does any `Program`. `command` is a process from scratch. Nothing here depends on how
fast the machine is: a process that must be found at some point of its work waits there.

Python leaves Ctrl-C alone where SIGINT was ignored as it started, as it is in a script's background jobs: each child
gets the signals of a terminal back.
"""

import atexit
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import CompletedProcess
from types import FrameType, MappingProxyType, ModuleType
from typing import Any

import lightning as L
import torch
from torch import Tensor

from initlab.data import SyntheticRegression
from initlab.data.module import Splits
from initlab.models import LinearRegression, Module
from initlab.shipped import CONFIGS

TRAIN = CONFIGS.parent / "scripts" / "train.py"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["children", "warmed"])
PATIENCE = 600  # seconds, after which a child is taken to hang; nothing waits so long on a machine of any speed
TERMINAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LAUNCHER = f"""
import ctypes, os, signal, sys
for number in {[int(number) for number in TERMINAL]}:
    signal.signal(number, signal.SIG_DFL)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, {int(signal.SIGKILL)})  # PR_SET_PDEATHSIG: die with the tests
os.execv(sys.argv[1], sys.argv[1:])
"""


@cache
def _server() -> None:
    """Start the fork server, in this folder's sight: Python 3.11 does not hand it the path of its parent."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, [before])])
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


class NoisyRegression(LinearRegression):
    """With dropout, which draws from torch's own generator at every step."""

    def forward(self, X: Tensor) -> Tensor:
        return self.net(torch.nn.functional.dropout(X, 0.1, self.training))


class HoldingData(SyntheticRegression):
    """Wait while the data are drawn."""

    def make_splits(self) -> Splits:
        hold()
        return super().make_splits()


class HoldingModel(LinearRegression):
    """Wait while the optimiser is made."""

    def configure_optimizers(self) -> Any:
        hold()
        return super().configure_optimizers()


class Hold(L.Callback):
    """Wait before update `step`: `+callbacks.hold={_target_:children.Hold,step:9}`."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            hold()


def command(*words: str | Path, **more: Any) -> subprocess.Popen[Any]:
    """`python <words>`; `more`: of `Popen`."""
    return subprocess.Popen([sys.executable, "-ISc", LAUNCHER, sys.executable, *words], **more)


class Program:
    """`python <words>`, a script's file or `-c` and code, in a fork: with `Popen`'s names, its output kept in files.

    `tests/test_children.py` holds it to what a process from scratch does.
    """

    def __init__(self, *words: str | Path, cwd: Path, env: Mapping[str, str] = MappingProxyType({})) -> None:
        self._said = tempfile.TemporaryDirectory()
        out, err = self._files = [Path(self._said.name, name) for name in ("out", "err")]
        self._process = CONTEXT.Process(
            target=_program, args=([str(word) for word in words], str(cwd), dict(os.environ | env), str(out), str(err))
        )
        _server()
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def said(self) -> str:
        """Its output and errors so far."""
        return "".join(file.read_text() for file in self._files if file.exists())

    def communicate(self) -> tuple[str, str]:
        """Its output and errors, when it has ended."""
        self.returncode = ended(self._process)
        out, err = (file.read_text() if file.exists() else "" for file in self._files)
        self._said.cleanup()
        return out, err


def answered(*words: str | Path, cwd: Path, env: Mapping[str, str] = MappingProxyType({})) -> CompletedProcess[str]:
    """A `Program` that has ended."""
    program = Program(*words, cwd=cwd, env=env)
    out, err = program.communicate()
    return CompletedProcess(words, program.returncode or 0, out, err)


def on_two_devices(*words: str | Path, cwd: Path) -> list[CompletedProcess[str]]:
    """Both processes of a `strategy="ddp"`, which finds itself started from outside, as by torchrun."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    programs = [Program(*words, cwd=cwd, env=shared | {"LOCAL_RANK": rank}) for rank in "01"]
    said = [program.communicate() for program in programs]
    return [CompletedProcess(words, program.returncode or 0, *s) for program, s in zip(programs, said, strict=True)]


def start(words: Sequence[str], cwd: Path, die: str = "") -> ForkServerProcess:
    """`python scripts/train.py <words>` in `cwd`; its output goes to cwd/said. `die`: see `_arrange`."""
    process = CONTEXT.Process(target=_child, args=(list(words), str(cwd), die))
    _server()
    process.start()
    return process


def run(words: Sequence[str], cwd: Path, die: str = "") -> int | None:
    """Its exit status; minus the signal's number where a signal killed it."""
    process = start(words, cwd, die)
    return ended(process)


def ended(process: ForkServerProcess) -> int | None:
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        raise AssertionError("it hangs")
    return process.exitcode


def wait_for(true: Callable[[], object], alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true() and alive() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert true(), "it hangs" if alive() else "it ended before"


def is_running(process: int) -> bool:
    """As Linux shows it; a zombie, whose parent has not asked for its status, does not run."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the second: it ended while the file was read
        return False
    return state != "Z"


def hold() -> None:
    """Tell the test that this point is reached, with a file `held`, and wait until it makes a file `go`. Signals are
    answered meanwhile."""
    Path("held").touch()
    while not Path("go").exists():
        time.sleep(0.002)


def _child(words: list[str], cwd: str, die: str) -> None:
    _arrange(die)
    _program([str(TRAIN), *words], cwd, dict(os.environ), "said", "said")


def _program(words: list[str], cwd: str, env: Mapping[str, str], out: str, err: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in TERMINAL[1:]:
        signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_die_with_the_tests, daemon=True).start()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for path, descriptor in {out: 1, err: 2}.items():
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND), descriptor)
    if out == err:
        os.dup2(2, 1)
    try:
        if words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            main = sys.modules["__main__"] = ModuleType("__main__")
            exec(compile(words[1], "<string>", "exec"), main.__dict__)
        else:
            sys.argv = words
            sys.path.insert(0, str(Path(words[0]).parent))
            runpy.run_path(words[0], run_name="__main__")
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()  # which a fork's end leaves out


def _arrange(die: str) -> None:
    """`step 37`: SIGKILL before update 37; `fail 37`, `hold 37`: an exception, `hold()` there. `write 2`: when
    last.ckpt's second version is written but not in place. `Class.method 2`: when that is called the second time,
    before it does anything; `@Class.method 2`: `hold()` there. `call 20000`: at the 20,000th call of a built-in
    function, be it a write to a file, from where a resumed run opens its folder or a new one begins to train."""
    import initlab.runs.atomic as atomic
    from initlab.callbacks.exact_steps import ExactSteps
    from initlab.callbacks.last_checkpoint import LastCheckpoint
    from initlab.diagnosis.findings_report import FindingsReport
    from initlab.runs import RunDir

    if not die:
        return
    what, _, number = die.partition(" ")
    left = int(number)
    end = {"fail": _fail, "hold": hold, "call": _count_calls(left)}.get(what, hold if what[0] == "@" else _kill)

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

    if what in ("step", "fail", "hold"):
        at, left = left, 0
        before(Module, "forward_and_loss", lambda self, batch: self.trainer.global_step == at)
    elif what == "call":
        left = 1
        before(RunDir, "resume", lambda *_: True)
        before(ExactSteps, "on_train_start", lambda *_: True)
    elif what == "write":
        before(atomic.os, "replace", lambda part, path: str(path).endswith("last.ckpt"))
    else:
        owner, name = what.removeprefix("@").split(".")
        owners = {o.__name__: o for o in (LastCheckpoint, LinearRegression, RunDir, FindingsReport)}
        before(owners[owner], name, lambda *_: True)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> None:
    raise ZeroDivisionError("as arranged")


def _count_calls(left: int) -> Callable[[], None]:
    def count(frame: FrameType, event: str, function: Any) -> None:
        nonlocal left
        if event == "c_call":
            left -= 1
            if left == 0:
                _kill()

    return lambda: sys.setprofile(count)


def _die_with_the_tests() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    _kill()
