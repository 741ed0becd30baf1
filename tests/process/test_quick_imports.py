import gc
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from children import command

from initlab.process.quick_imports import quick_imports


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)


@pytest.mark.usefixtures("no_torch")
def test_no_garbage_is_collected_within_and_what_was_made_there_is_not_looked_at_again() -> None:
    frozen = gc.get_freeze_count()
    with quick_imports():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]  # type: ignore[var-annotated]
    assert gc.isenabled()
    assert gc.get_freeze_count() - frozen >= len(made)
    gc.unfreeze()


@pytest.mark.usefixtures("no_torch")
def test_garbage_is_collected_again_after_a_failure() -> None:
    with pytest.raises(ImportError), quick_imports():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


def test_a_later_job_of_the_process_freezes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    frozen = gc.get_freeze_count()
    with quick_imports():
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen


@pytest.mark.usefixtures("no_torch")
def test_ctrl_c_is_answered_after_the_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.default_int_handler  # a job in the background of a script was given another
    given = signal.signal(signal.SIGINT, before)
    done = []
    with pytest.raises(KeyboardInterrupt), quick_imports():
        done.append(signal.raise_signal(signal.SIGINT))
    assert done
    assert signal.signal(signal.SIGINT, given) is before
    gc.unfreeze()


WITH_SCIPY = """
import sys
from initlab.process.quick_imports import quick_imports
with quick_imports():
    import lightning
    assert not any(name.startswith("scipy.signal.") for name in sys.modules)
    from scipy.signal import lfilter  # the real one, though within
assert lfilter([1.0], [1.0], [2.0])[0] == 2
"""


def test_a_start_imports_no_signal_processing_and_who_asks_gets_it(tmp_path: Path) -> None:
    process = command("-c", WITH_SCIPY, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.communicate()[1] == ""
    assert process.returncode == 0
