"""Without `fcntl`, as on Windows: all imports, what locks nothing works, and a run says what it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from initlab.shipped import CONFIGS

pytestmark = pytest.mark.slow

WITHOUT = """
import os, runpy, sys
for name in ("fcntl", "termios", "resource", "pwd", "grp"):
    sys.modules[name] = None
for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW"):
    delattr(os, name)
"""
IMPORTS = """
import importlib, pkgutil
import hydra_plugins, initlab
for package in (initlab, hydra_plugins):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
from initlab.runs.reading import read_file
assert read_file("rows.csv") == b"1\\n"
"""
SCRIPT = """
script, *words = sys.argv[1:]
for sweep in ([], ["-m", "seed=1,2"]):
    sys.argv = [script, *sweep, *words]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leaving:
        assert leaving.code == 2
"""
WORDS = ["model=linear", "data=synthetic_regression", "init=normal"]


def test_every_module_imports_a_file_is_read_a_run_and_a_sweep_say_what_they_need(tmp_path: Path) -> None:
    """And leave nothing."""
    (tmp_path / "rows.csv").write_bytes(b"1\n")
    code = WITHOUT + SCRIPT + IMPORTS
    train = str(CONFIGS.parent / "scripts" / "train.py")
    said = subprocess.run(
        [sys.executable, "-c", code, train, *WORDS], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    sentence = "error: a run's folder is locked with fcntl, which Windows lacks: train on Linux, on macOS or in WSL\n"
    assert (said.returncode, said.stderr) == (0, 2 * sentence)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
