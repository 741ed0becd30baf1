"""Where a run ends: trainer.max_steps, max_time, min_epochs, early stopping and other callbacks; what it says of it, and
how it trains further."""

import signal
from pathlib import Path
from typing import Any

import pytest
from children import run
from test_resume import WORDS, assert_same_run, said

STEPS = [*WORDS, "trainer.max_epochs=4", "+trainer.max_steps=52"]  # 32 an epoch


@pytest.mark.parametrize("k", [1, 5, 16])
def test_max_steps_killed_and_resumed_it_is_the_same_run(tmp_path: Path, k: int) -> None:
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    words = [*STEPS[:-2], f"steps_per_execution={k}", *STEPS[-2:]]
    assert run(words, whole) == 0, said(whole)
    for die in ("step 17", "step 32", "step 37", "step 51", "LastCheckpoint.on_train_end 1", "RunDir.finish 1"):
        assert run(words, killed, die) == -signal.SIGKILL, (die, said(killed))
        words = ["resume=run"]
    assert run(words, killed) == 0, said(killed)
    assert_same_run(killed / "run", whole / "run")
