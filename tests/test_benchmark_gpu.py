"""The command that measures all that needs a GPU: its table, whatever an item does, and what stays of it: nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from children import answered, command, is_running, wait_for

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[1] / "scripts"
MEASURES = """
import json, os
row = {"name": "a loop", "said": "2 s | 3"}
rows = [row, row | {"name": "another"}]
open(os.environ["BENCHMARK_OUT"] + "/any.json", "w").write(json.dumps({"rows": rows, "notes": ["so"]}))
"""
HANGS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
open(os.environ["BENCHMARK_OUT"] + "/child.part", "w").write(str(child.pid))
os.rename(os.environ["BENCHMARK_OUT"] + "/child.part", os.environ["BENCHMARK_OUT"] + "/child")
time.sleep(1000)
"""


def rows(target: Path) -> list[list[str]]:
    lines = target.read_text().splitlines()
    assert lines[2:4] == ["| what | result |", "| --- | --- |"]
    return [line.strip("| ").split(" | ") for line in lines[4:]]


def test_every_item_gets_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import gpu

    clock = iter([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 71.0])
    monkeypatch.setattr(gpu, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    items = [
        gpu.Item("needs one", ("-c", "1 / 0"), 600, needs_gpu=True),
        gpu.Item("measures", ("-c", MEASURES), 600),
        gpu.Item("says", ("-c", "print('4 passed'); print()"), 600),
        gpu.Item("crashes", ("-c", "1 / 0"), 600),
        gpu.Item("hangs", ("-c", "import time; time.sleep(1000)"), 0.1),
        gpu.Item("late", ("-c", "1 / 0"), 600),
    ]
    gpu.gpu(80, "cpu", tmp_path / "new" / "gpu.md", items)
    assert rows(tmp_path / "new" / "gpu.md") == [
        ["needs one", "needs a GPU"],
        ["measures: a loop", "2 s / 3"],
        ["measures: another", "2 s / 3"],
        ["measures", "so"],
        ["says", "4 passed"],
        ["crashes", "failed: ZeroDivisionError: division by zero"],
        ["hangs", "failed: took more than 0.1 s"],
        ["late", "not reached"],
    ]
    assert "ZeroDivisionError" in (tmp_path / "new" / "gpu_3" / "terminal.txt").read_text()
    monkeypatch.setattr(gpu, "_is_there", lambda: False)
    with pytest.raises(SystemExit, match="torch sees no GPU here"):
        gpu.gpu(80, "gpu", tmp_path / "gpu.md", items)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_prints_its_table_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    code = f"""
from pathlib import Path
from benchmarks import gpu
items = [gpu.Item("says", ("-c", "print('so')"), 600), gpu.Item("hangs", ("-c", {HANGS!r}), 600)]
gpu.gpu(1200, "cpu", Path("gpu.md"), [*items, gpu.Item("late", ("-c", "1 / 0"), 600)])
"""
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    more: dict[str, Any] = {"cwd": tmp_path, "env": environment, "text": True}
    started = command("-c", code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    wait_for((tmp_path / "gpu_1" / "child").exists, lambda: started.poll() is None)
    started.send_signal(number)
    out, err = started.communicate()
    assert started.returncode == 130, err
    assert err == ""
    assert rows(tmp_path / "gpu.md") == [["says", "so"], ["hangs", "stopped"], ["late", "not reached"]]
    assert (tmp_path / "gpu.md").read_text() in out
    wait_for(lambda: not is_running(int((tmp_path / "gpu_1" / "child").read_text())), lambda: True)


def test_a_rehearsal_of_no_time(tmp_path: Path) -> None:
    from benchmarks import gpu

    words = ("gpu", "--accelerator", "cpu", "--minutes", "0.001", "--out", str(tmp_path))
    said = subprocess.run([sys.executable, str(SCRIPTS / "benchmark.py"), *words], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    first, *others = rows(tmp_path / "gpu.md")
    assert first == ["tests that need a GPU", "needs a GPU"]
    assert others == [[item.name, "not reached"] for item in gpu.everything("cpu")[1:]]


def test_its_commands_are_commands() -> None:
    from benchmarks import gpu

    for item in gpu.everything("gpu")[1:]:
        words = [sys.executable, *item.words, "--rounds", "0"]
        said = subprocess.run(words, cwd=SCRIPTS.parent, capture_output=True, text=True)
        assert said.stderr.endswith("error: --rounds 0: must be a whole number of at least 1\n")


def test_what_it_says_of_a_benchmark(tmp_path: Path) -> None:
    from benchmarks.table import report
    from benchmarks.turns import Times

    times = Times({"ours": [2.0, 4.0, 3.0], "base": [1.0, 2.0, 1.0]}, {"ours": [2.0, 2.0, 3.0]})
    report({"name": "any", "rounds": 3, "threads": 1}, times, "base", "s", tmp_path / "any.json")
    said = [row["said"] for row in json.loads((tmp_path / "any.json").read_text())["rows"]]
    assert said == ["3 s, 2.000 [2.000, 2.500] of 'base'", "1 s"]


def test_a_run_that_was_killed_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits before update 9 until it is killed. The two that end are forks."""
    from benchmarks import resumed_run

    def finish(*words: str) -> None:
        (tmp_path / "go").touch()
        more = ["allow=children"] if words[0].startswith("resume=") else []
        done = answered(str(resumed_run.SCRIPT), *words, *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    monkeypatch.setattr(resumed_run, "finish", finish)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    words = (
        "model=linear", "data=synthetic_regression", "trainer.max_epochs=1", "callbacks.last.every_n_steps=5",
        "+callbacks.hold={_target_:children.Hold,step:9}",
    )  # fmt: skip
    assert resumed_run.resumed_run("cpu", 1, words) == "the same bits in 2 tensors; resumed from update 5 of 32"


@pytest.mark.parametrize(("again", "alike"), [(1.0, "are the same"), (3.0, "differ too")])
def test_a_run_that_is_not_the_same(monkeypatch: pytest.MonkeyPatch, again: float, alike: str) -> None:
    from benchmarks import resumed_run

    weights = {"killed": 2.0, "whole": 1.0, "again": again}
    runs = {
        name: {"global_step": 5, "state_dict": {"w": torch.tensor(w), "b": 0 * torch.tensor(w)}}
        for name, w in weights.items()
    }
    started = SimpleNamespace(poll=lambda: 0, kill=lambda: None, communicate=lambda: ("so", ""), returncode=-9)
    monkeypatch.setattr(resumed_run, "start", lambda *_: started)
    monkeypatch.setattr(resumed_run, "finish", lambda *_: None)
    monkeypatch.setattr(resumed_run, "saved", lambda folder: runs[folder.name])
    with pytest.raises(SystemExit, match=f"not the same bits: w; two runs without an interruption {alike}"):
        resumed_run.resumed_run("cpu", 1)
    started.returncode = 2
    with pytest.raises(SystemExit, match=r"so\nthe run ended by itself, with status 2"):
        resumed_run.resumed_run("cpu", 1)
