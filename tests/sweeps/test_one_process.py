"""One process runs a sweep, whatever dies; what it started ends with it."""

import fcntl
import os
import signal
from pathlib import Path

import pytest
from children import PATIENCE, is_running, wait_for
from test_sweeps import LINEAR, run, scores, start, start_alone

from initlab.sweeps import SweepFolder

pytestmark = pytest.mark.slow


def waiting(sweep: Path) -> list[Path]:
    """The files with the process numbers of jobs that wait."""
    return [path for path in sweep.glob("*/waiting") if path.read_text()]


def test_a_sweep_that_runs_is_not_resumed_until_its_process_has_died(tmp_path: Path) -> None:
    first = start("seed=1,2", *LINEAR, "hydra.sweep.dir=sweep", cwd=tmp_path, WAIT_AT="0")
    wait_for(lambda: waiting(tmp_path / "sweep"), lambda: first.poll() is None)
    second = run("sweep.resume=sweep", cwd=tmp_path)
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr == f"error: {tmp_path}/sweep: this sweep is running in another process\n"
    assert not list(tmp_path.glob("sweep/*/failed.json"))
    first.kill()
    first.communicate()
    third = run("sweep.resume=sweep", cwd=tmp_path)
    assert third.returncode == 0, third.stderr
    assert scores(SweepFolder.read(tmp_path / "sweep")) == {"seed=1": 0.01, "seed=2": 0.02}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize(
    ("launcher", "package", "number"),
    [
        ("joblib", "joblib", signal.SIGKILL),
        ("joblib", "joblib", signal.SIGTERM),
        ("slurm_local", "submitit", signal.SIGKILL),
    ],
)
def test_jobs_in_other_processes_end_with_the_sweep(tmp_path: Path, launcher: str, package: str, number: int) -> None:
    pytest.importorskip(package)
    two = "n_jobs" if launcher == "joblib" else "at_once"
    words = ["seed=1,2,3", *LINEAR, f"hydra/launcher={launcher}", f"hydra.launcher.{two}=2", "hydra.sweep.dir=sweep"]
    with start_alone(*words, cwd=tmp_path, WAIT_AT="0,1,2") as sweep:
        wait_for(lambda: len(waiting(tmp_path / "sweep")) == 2, lambda: sweep.poll() is None)
        processes = [int(path.read_text()) for path in waiting(tmp_path / "sweep")]
        sweep.send_signal(number)
        wait_for(lambda: not any(map(is_running, processes)), lambda: True)
        sweep.communicate(timeout=PATIENCE)
    assert len(waiting(tmp_path / "sweep")) == 2  # the third was not started
    again = run("sweep.resume=sweep", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len(scores(SweepFolder.read(tmp_path / "sweep"))) == 3


def test_a_job_that_another_process_runs_is_left_to_it(tmp_path: Path) -> None:
    """As when Slurm still runs it after the command that asked for it was killed, or after `resume=` of that run."""
    assert run("seed=13,1", *LINEAR, "hydra.sweep.dir=sweep", cwd=tmp_path).returncode == 1
    job = tmp_path / "sweep" / "0_seed-13"
    (job / "failed.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in job.iterdir()}
    for held in (job / "job.json", job):
        lock = os.open(held, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = run("sweep.resume=sweep", cwd=tmp_path)
        os.close(lock)
        assert said.returncode == 1
        assert "error: 1 of 2 jobs have not ended: 0_seed-13;" in said.stderr
        assert {path: path.stat().st_mtime_ns for path in job.iterdir()} == before
