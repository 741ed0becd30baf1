import contextlib
import os
import signal
from pathlib import Path

import pytest
from children import answered

from initlab.callbacks.stopping import Stopped, Stopping
from initlab.process.signals import leave_in_order

LOST = """
import signal
from initlab.process.signals import leave_in_order
from initlab.callbacks.stopping import Stopping

class Finalised:
    def __del__(self):
        signal.raise_signal(signal.SIGNAL)
        for _ in range(10): pass  # the handler runs in here, and Python drops what it raises

signal.signal(signal.SIGINT, signal.default_int_handler)
with leave_in_order():
    Finalised()
    print("lost", flush=True)
    with Stopping():
        print("trains", flush=True)
"""


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_whose_exception_is_lost_ends_the_run_before_it_trains(tmp_path: Path, name: str, status: int) -> None:
    done = answered("-c", LOST.replace("SIGNAL", name), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (status, "lost\n")


def test_so_does_one_that_a_library_catches_and_it_is_forgotten_at_the_end() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with leave_in_order():
            with contextlib.suppress(BaseException):
                os.kill(os.getpid(), signal.SIGINT)
                signal.sigtimedwait([], 1)  # the handler runs by the end of this at the latest
            with pytest.raises(Stopped) as stopped, Stopping():
                pass
        assert stopped.value.code == 130
        with Stopping() as stopping:
            assert stopping.number is None
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
