import gc
import signal
import sys

import pytest

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
    before = signal.getsignal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt), quick_imports():
        done.append(signal.raise_signal(signal.SIGINT))
    assert done
    assert signal.getsignal(signal.SIGINT) is before
    gc.unfreeze()
