"""Where a run ends: trainer.max_steps, max_time, min_epochs, early stopping and other callbacks; what it says of
it, and how it trains further."""

import signal
from pathlib import Path

import pytest
from children import run
from test_resume import WORDS, assert_same_run, said

from initlab.runs import open_run

STEPS = [*WORDS, "trainer.max_epochs=4", "trainer.max_steps=52"]  # 32 an epoch


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


@pytest.mark.parametrize("k", [1, 5, 16])
@pytest.mark.parametrize("first", [20, 32, 50])
def test_further_than_max_steps_is_as_good_as_longer_from_the_start(tmp_path: Path, k: int, first: int) -> None:
    words = [*WORDS, f"steps_per_execution={k}", "trainer.max_epochs=2", "callbacks.last.every_n_steps=15"]
    for name in ("further", "whole"):
        (tmp_path / name).mkdir()
    assert run(words, tmp_path / "whole") == 0, said(tmp_path / "whole")
    cwd = tmp_path / "further"
    assert run([*words, f"trainer.max_steps={first}"], cwd) == 0, said(cwd)
    ended = open_run(cwd / "run").summary["ended"]
    assert (ended["by"], ended["steps"]) == ("max_steps", first)
    assert f"trainer.max_steps={first} is reached" in said(cwd)
    assert run(["resume=run", "trainer.max_epochs=3"], cwd) == 0
    assert f"nothing left to train: {first} of {first} steps are done" in said(cwd)
    assert run(["resume=run", "trainer.max_steps=-1"], cwd) == 0, said(cwd)
    assert_same_run(cwd / "run", tmp_path / "whole" / "run")
