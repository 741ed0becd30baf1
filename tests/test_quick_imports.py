import gc

import pytest

from initlab.quick_imports import quick_imports


def test_no_garbage_is_collected_within_and_what_was_made_there_is_not_looked_at_again() -> None:
    frozen = gc.get_freeze_count()
    with quick_imports():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]  # type: ignore[var-annotated]
    assert gc.isenabled()
    assert gc.get_freeze_count() - frozen >= len(made)
    gc.unfreeze()


def test_garbage_is_collected_again_after_a_failure() -> None:
    with pytest.raises(ImportError), quick_imports():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()
