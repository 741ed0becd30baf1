"""Tests that are stopped leave no process behind: their workers, fork servers and children end."""

import os
import signal
import sys
from pathlib import Path

import pytest
from children import PATIENCE, command, wait_for
from janitor import marked

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")]
ROOT = Path(__file__).parents[1]
TESTS = """
import subprocess, sys
from pathlib import Path
import pytest
from children import Program, command

WAITS = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(600)"

def test_that_waits():
    here = Path(__file__).parent
    fork = Program("-c", WAITS, str(here / "fork"), cwd=here)
    alone = command("-c", WAITS, str(here / "command"))
    subprocess.run([sys.executable, "-c", WAITS, str(here / "run")])
"""


def test_stopped_tests_leave_no_process(tmp_path: Path) -> None:
    (tmp_path / "test_waiting.py").write_text(TESTS)
    words = ["-m", "pytest", "-n", "1", "-c", str(ROOT / "pyproject.toml"), "-p", "conftest", str(tmp_path)]
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])  # of who runs these
    env = os.environ | {"STOPPED_TESTS": str(tmp_path), "PYTHONPATH": path}
    mine = f"STOPPED_TESTS={tmp_path}"
    with open(tmp_path / "said", "w") as said:
        tests = command(*words, cwd=tmp_path, env=env, stdout=said, stderr=said)
    with tests:
        begun = {"fork", "command", "run"}
        wait_for(lambda: begun <= {path.name for path in tmp_path.iterdir()}, lambda: tests.poll() is None)
        assert len(marked(mine)) >= 5  # pytest, its worker, three that wait
        tests.send_signal(signal.SIGTERM)
        assert tests.wait(PATIENCE) == -signal.SIGTERM, (tmp_path / "said").read_text()
    wait_for(lambda: not marked(mine), lambda: True)
