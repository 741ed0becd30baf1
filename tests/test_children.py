"""What the tests start as a fork does what a process from scratch does."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from children import TRAIN, Program, command

TELLS = """
import atexit, os, sys
atexit.register(print, "at the end", flush=True)
print(sys.argv, os.getcwd(), os.environ["TOLD"], __name__, os.isatty(0), flush=True)
print("an error", file=sys.stderr, flush=True)
"""
TRAINS = ["model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1"]


def both(*words: str, cwd: Path) -> list[tuple[int | None, str, str]]:
    """Exit status, output and errors of a process and of a fork."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    told = {"TOLD": "so"}
    answers = []
    for name, start in (("process", lambda f: command(*words, cwd=f, env=os.environ | told, **pipes)),
                        ("fork", lambda f: Program(*words, cwd=f, env=told))):  # fmt: skip
        folder = cwd / name
        folder.mkdir()
        child = start(folder)
        out, err = (text.replace(str(folder), "here") for text in child.communicate())
        answers.append((child.returncode, out, err))
    return answers


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('said at the end')", 1),
        ("raise ZeroDivisionError", 1),
        ("os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
    ],
)
def test_a_fork_ends_as_a_process_does(tmp_path: Path, end: str, status: int) -> None:
    process, fork = both("-c", TELLS + end, "word", "key=value", cwd=tmp_path)
    assert process[:2] == fork[:2]
    assert process[0] == status
    assert "['-c', 'word', 'key=value'] here so __main__" in fork[1]
    assert [err.splitlines()[0::99] + err.splitlines()[-1:] for *_, err in (process, fork)] == [
        [*process[2].splitlines()[0:1], *process[2].splitlines()[-1:]]
    ] * 2


@pytest.mark.slow
@pytest.mark.parametrize(("words", "status"), [([*TRAINS, "hydra.run.dir=run"], 0), ([*TRAINS, "lr=fast"], 2)])
def test_a_fork_trains_as_a_process_does(tmp_path: Path, words: list[str], status: int) -> None:
    process, fork = both(str(TRAIN), *words, cwd=tmp_path)
    assert (process[0], fork[0]) == (status, status)
    assert process[2] == fork[2]
    timeless = [re.sub(r"[\d.]+", "#", out) for _, out, _ in (process, fork)]
    assert timeless[0] == timeless[1]
    trees = [
        sorted(str(p.relative_to(tmp_path / name)) for p in (tmp_path / name).rglob("*") if "events" not in p.name)
        for name in ("process", "fork")
    ]
    assert trees[0] == trees[1]
    for table in ("run/metrics.csv", "run/signal.csv") if status == 0 else ():
        assert (tmp_path / "process" / table).read_bytes() == (tmp_path / "fork" / table).read_bytes()
