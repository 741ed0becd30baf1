"""train() from Python leaves the process of its caller as it was, however it ends."""

import json
from pathlib import Path

import pytest
from children import answered

CHILD = """
import gc, json, logging, os, random, signal, sys, threading, time, warnings
import numpy as np, torch
import lightning as L
import initlab.run
from initlab.composition import compose
from initlab.run import train

def snapshot():
    return {
        "dtype": str(torch.get_default_dtype()), "matmul": torch.get_float32_matmul_precision(),
        "deterministic": [torch.are_deterministic_algorithms_enabled(),
                          torch.is_deterministic_algorithms_warn_only_enabled()],
        "cudnn": [torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic],
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()], "grad": torch.is_grad_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "random": [str(random.getstate()), str(np.random.get_state()), torch.get_rng_state().tolist()],
        "environment": dict(os.environ),
        "filters": [str(f) for f in warnings.filters], "show": str(warnings.showwarning),
        "loggers": {str(name): [logging.getLogger(name).level, str(logging.getLogger(name).handlers),
                                logging.getLogger(name).propagate, logging.getLogger(name).disabled]
                    for name in known},
        "hooks": [str(sys.excepthook), str(threading.excepthook), str(sys.unraisablehook), str(sys.displayhook)],
        "gc": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 0],
        "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
        "argv": sys.argv[1:], "folder": os.getcwd(),
    }

class Fails(L.Callback):
    def on_train_batch_end(self, trainer, *rest):
        if trainer.global_step == 5:
            raise ZeroDivisionError("as arranged")

mallopts = []
import ctypes
real = ctypes.CDLL
class Watched(real):
    def __getattr__(self, name):
        if name == "mallopt":
            mallopts.append(1)
        return super().__getattr__(name)
ctypes.CDLL = Watched

words, fails, thread = json.loads(sys.argv[1])
torch.set_default_dtype(torch.float64); torch.set_num_threads(2); torch.set_float32_matmul_precision("medium")
torch.manual_seed(1); random.seed(2); np.random.seed(3)
os.environ["MINE"] = "1"; os.environ.pop("PL_GLOBAL_SEED", None)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR); warnings.simplefilter("default")
known = [None, *logging.root.manager.loggerDict]
before = snapshot()

def work():
    try:
        train(compose(*words, run_dir="run"), [Fails()] if fails else [])
        assert not fails
    except ZeroDivisionError:
        assert fails

if thread:
    worker = threading.Thread(target=work); worker.start(); worker.join()
    assert os.path.exists("run/summary.json")
else:
    work()
after = snapshot()
for key in before:
    assert before[key] == after[key], (key, before[key], after[key])
assert not mallopts
print("as it was")
"""
LINEAR = ["model=linear", "data=synthetic_regression", "debug=fast"]


@pytest.mark.parametrize(
    ("words", "fails", "thread"),
    [
        (["threads=1"], False, False),
        (["trainer.deterministic=true", "seed=7"], False, False),
        (["trainer.deterministic=warn", "trainer.detect_anomaly=true", "matmul_precision=high"], True, False),
        (["+trainer.benchmark=true", "threads=1"], True, False),
        (["threads=1", "trainer.precision=64-true"], False, True),
    ],
)
def test_what_is_global_is_as_it_was(tmp_path: Path, words: list[str], fails: bool, thread: bool) -> None:
    asked = json.dumps([[*LINEAR, *words], fails, thread])
    child = answered("-c", CHILD, asked, cwd=tmp_path)
    assert child.returncode == 0, child.stderr[-3000:]
    assert child.stdout.endswith("as it was\n")


NOTEBOOK = '''
import signal, sys, os, time
import lightning as L
from initlab.composition import compose
from initlab.runs import open_run
from initlab.run import train

class Interrupts(L.Callback):
    """Ctrl-C in mid-update; with a second one while the update goes on."""
    def on_before_backward(self, trainer, *rest):
        if trainer.global_step == 40:
            for _ in range(int(sys.argv[1])):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)

before = signal.getsignal(signal.SIGINT)
try:
    words = ["model=linear", "data=synthetic_regression", "steps_per_execution=1", "trainer.max_epochs=3"]
    train(compose(*words, run_dir="run"), [Interrupts()])
except KeyboardInterrupt:
    print("the cell was stopped")
assert signal.getsignal(signal.SIGINT) is before
train(compose("resume=run"))
print(len(open_run("run").metrics), "epochs")
'''


@pytest.mark.parametrize("times", [1, 2, 3])
def test_in_a_notebook_ctrl_c_stops_the_cell_and_the_kernel_lives(tmp_path: Path, times: int) -> None:
    child = answered("-c", NOTEBOOK, str(times), cwd=tmp_path)
    assert child.returncode == 0, (child.stdout[-2000:], child.stderr[-3000:])
    assert "the cell was stopped" in child.stdout
    assert child.stdout.endswith("3 epochs\n")
