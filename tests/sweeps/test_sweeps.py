"""Whole sweeps in processes of their own, killed for real; the jobs are quick ones (quick_train.py)."""

import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from children import PATIENCE, Program, answered, command, wait_for

from initlab.runs import Run
from initlab.sweeps import SweepFolder

pytestmark = pytest.mark.slow

QUICK = str(Path(__file__).with_name("quick_train.py"))
LINEAR = ["model=linear", "data=synthetic_regression"]
OPTUNA = ["hydra/sweeper=optuna", "hydra.sweeper.sampler=random"]


def start(*words: str, cwd: Path, **env: str) -> Program:
    return Program(QUICK, "-m", *words, cwd=cwd, env=env)


def start_alone(*words: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
    """From scratch: for launchers, whose processes import what this one has as its main program."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return command(QUICK, "-m", *words, cwd=cwd, env=os.environ | env, **pipes)


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return answered(QUICK, "-m", *words, cwd=cwd)


def stopped(*words: str, cwd: Path, number: int, at: Path, job: int) -> tuple[int, str]:
    """A sweep that is sent signal `number` in mid-job; its exit status and output. at: the sweep's folder."""
    process = start(*words, cwd=cwd, WAIT_AT=str(job))
    wait_for(lambda: list(at.glob(f"{job}_*/waiting")), lambda: process.poll() is None)
    process.send_signal(number)
    said, _ = process.communicate()
    return process.returncode or 0, said


def scores(sweep: SweepFolder) -> dict[str, float]:
    done = {str(job): Run.lenient(sweep.path / job.folder).summary for job in sweep.jobs if sweep.state(job) == "done"}
    return {job: summary["score"] for job, summary in done.items() if summary}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_sweep_goes_on_where_it_stopped(tmp_path: Path, number: int, status: int) -> None:
    """Also: a job that fails is recorded, the others go on, and the exit status says so."""
    latest = tmp_path / "outputs/latest_sweep"
    words = ["lr=0.1,0.01", "seed=5,13,8", *LINEAR]
    ended, said = stopped(*words, cwd=tmp_path, number=number, at=latest, job=3)
    assert ended == status
    if number != signal.SIGKILL:
        assert "2 of 6 jobs done; resume it with: resume python scripts/train.py -m sweep.resume=latest" in " ".join(
            said.split()
        )

    folder = latest.resolve()
    assert sorted(path.name for path in folder.glob("*_*")) == [
        "0_lr-0.1_seed-5", "1_lr-0.1_seed-13", "2_lr-0.1_seed-8", "3_lr-0.01_seed-5"
    ]  # fmt: skip
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/summary.json")}
    again = run("sweep.resume=latest", cwd=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before  # not run again
    assert again.returncode == 1
    assert again.stderr.startswith("error: 2 of 6 jobs failed: 1_lr-0.1_seed-13, 4_lr-0.01_seed-13;")
    assert "6 jobs, 2 of them done before" in again.stdout
    sweep = SweepFolder.read(folder)
    assert scores(sweep) == pytest.approx(
        {"lr=0.1 seed=5": 0.05, "lr=0.1 seed=8": 0.08, "lr=0.01 seed=5": 1.05, "lr=0.01 seed=8": 1.08}
    )
    failed = json.loads((folder / "1_lr-0.1_seed-13/failed.json").read_text())
    assert failed["error"] == "RuntimeError: unlucky"
    assert 'raise RuntimeError("unlucky")' in failed["traceback"]
    assert 'raise RuntimeError("unlucky")' in (folder / "1_lr-0.1_seed-13/run.log").read_text()
    assert (folder / "sweep.csv").read_text().startswith("lr,n,failed")
    assert sweep.about["command"][1:] == ["-m", *words]


def test_a_changed_config_is_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    assert run("lr=0.1,0.01", *LINEAR, f"hydra.sweep.dir={folder}", cwd=tmp_path).returncode == 0
    config = folder / "0_lr-0.1" / "config.yaml"
    config.write_text(config.read_text().replace("batch_size: 32", "batch_size: 64"))  # as after a changed default
    kept = (folder / "1_lr-0.01" / "summary.json").stat().st_mtime_ns
    moved = folder.rename(tmp_path / "moved")
    assert run(f"sweep.resume={moved}", cwd=tmp_path).returncode == 0
    assert "batch_size: 32" in (moved / "0_lr-0.1" / "config.yaml").read_text()
    assert (moved / "1_lr-0.01" / "summary.json").stat().st_mtime_ns == kept


def test_an_interpolation_is_a_value_as_it_was_typed(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    words = ["lr=0.1,${init.sigma}", "init=normal", "init.sigma=0.01", *LINEAR, f"hydra.sweep.dir={folder}"]
    said = run(*words, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "lr=${init.sigma}: " in said.stdout
    sweep = SweepFolder.read(folder)
    assert sweep.about["axes"] == {"lr": ["0.1", "${init.sigma}"]}
    assert scores(sweep) == pytest.approx({"lr=0.1": 0.0, "lr=${init.sigma}": 1.0})
    assert "\n${init.sigma}," in (folder / "sweep.csv").read_text()
    (folder / sweep.jobs[1].folder / "summary.json").unlink()
    again = run("sweep.resume=sweep", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert scores(sweep) == pytest.approx({"lr=0.1": 0.0, "lr=${init.sigma}": 1.0})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sweep.resume=latest"], "error: sweep.resume=latest: there are no sweeps in "),
        (["lr=interval(0.1,1)", *LINEAR], "error: lr=interval(0.1,1): an interval needs hydra/sweeper=optuna\n"),
        (["init=kaimng,xavier", *LINEAR], "error: init=kaimng: no such init; did you mean kaiming?"),
        ([*OPTUNA, "init=xavier,kaimng", *LINEAR], "error: init=kaimng: no such init; did you mean kaiming?"),
        ([*OPTUNA, "data.batch_size=2,0", *LINEAR], "error: data.batch_size=0: must be a whole number"),
        (
            [*OPTUNA, "monitor=val/loss,val/acc", *LINEAR],
            "error: monitor=val/acc: trials are compared by one metric, not by the max of val/acc and the min of val/l",
        ),
        ([*OPTUNA, "mode=max,min", *LINEAR], "error: mode=min: trials are compared by one metric"),
    ],
)
def test_a_wrong_word_gets_one_line_and_leaves_nothing(tmp_path: Path, words: list[str], sentence: str) -> None:
    said = run(*words, cwd=tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(sentence)
    assert said.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("launcher", "package", "options"),
    [
        ("joblib", "joblib", ["hydra.launcher.n_jobs=2"]),
        (
            "ray",
            "ray",
            ["hydra.launcher.population=2"],
        ),  # two workers: the jobs of one die with it, but those that had ended
        ("slurm_local", "submitit", ["hydra.launcher.cpus_per_task=3"]),
    ],
)
def test_a_launcher_runs_jobs_and_survives_one_that_takes_its_process_down(
    tmp_path: Path, launcher: str, package: str, options: list[str]
) -> None:
    pytest.importorskip(package)
    seeds = [666, 2] if launcher == "slurm_local" else [1, 666, 2]  # there each job is a process from scratch
    words = [f"seed={','.join(map(str, seeds))}", *LINEAR, f"hydra/launcher={launcher}", *options]
    # Ray's workers are nice to others, by 15: beside two busy processes they have a fortieth of a core
    with start_alone(*words, cwd=tmp_path, RAY_worker_niceness="0") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    folder = tmp_path / "outputs/latest_sweep"
    sweep = SweepFolder.read(folder)
    assert scores(sweep) == {f"seed={seed}": seed / 100 for seed in seeds if seed != 666}
    at = seeds.index(666)
    assert "process died" in str(Run.lenient(sweep.path / sweep.jobs[at].folder).error)
    assert f"error: 1 of {len(seeds)} jobs failed: {at}_seed-666;" in err
    assert all(f"job {n} of {len(seeds)}: seed=" in out for n in range(1, len(seeds) + 1))
    threads = {"joblib": max(1, len(os.sched_getaffinity(0)) // 2), "ray": 1, "slurm_local": 3}[launcher]
    assert yaml.safe_load((folder / sweep.jobs[-1].folder / "config.yaml").read_text())["threads"] == threads


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    without = "import sys; sys.modules['joblib'] = None; sys.modules['submitit'] = None; import runpy; "
    for launcher, package in (("joblib", "joblib"), ("slurm", "submitit")):
        words = [QUICK, "-m", "seed=1,2", *LINEAR, f"hydra/launcher={launcher}"]
        code = f"{without} sys.argv = {words!r}; runpy.run_path({QUICK!r}, run_name='__main__')"
        said = answered("-c", code, cwd=tmp_path)
        assert said.returncode == 2
        assert said.stderr == (
            f"error: hydra/launcher={launcher}: needs {package}, which is not installed; "
            f"pip install -e '.[{launcher}]' in the project's folder installs it\n"
        )
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not find_spec("optuna"), reason="needs optuna")
def test_a_study_that_was_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    words = ["lr=tag(log, interval(0.001, 1))", "init=kaiming,xavier", *LINEAR, "hydra/sweeper=optuna"]
    words += ["hydra.sweeper.n_trials=12"]  # the first ten of TPE are random draws
    whole = run(*words, f"hydra.sweep.dir={tmp_path}/whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr

    folder = tmp_path / "killed"
    stopped(*words, f"hydra.sweep.dir={folder}", cwd=tmp_path, number=signal.SIGKILL, at=folder, job=10)
    again = run(f"sweep.resume={folder}", cwd=tmp_path)
    assert again.returncode == 0, again.stderr

    jobs = SweepFolder.read(folder).jobs
    assert [job.overrides for job in jobs] == [job.overrides for job in SweepFolder.read(tmp_path / "whole").jobs]
    assert len({job.overrides["lr"] for job in jobs}) == 12
    with closing(sqlite3.connect(folder / "optuna.db")) as study:
        states = study.execute("select number, state from trials order by number").fetchall()
    assert states == [(number, "COMPLETE") for number in range(12)]
    assert len(list(folder.glob("*/summary.json"))) == 12

    assert run(f"sweep.resume={folder}", "hydra.sweeper.n_trials=13", cwd=tmp_path).returncode == 0
    assert len(list(folder.glob("*/summary.json"))) == 13


@pytest.mark.skipif(not find_spec("optuna"), reason="needs optuna")
def test_failed_and_diverged_trials_do_not_end_the_study(tmp_path: Path) -> None:
    words = ["seed=13,1", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=5", "hydra.sweeper.sampler=random", *LINEAR]
    said = run(*words, cwd=tmp_path)
    assert said.returncode == 1
    with closing(sqlite3.connect(tmp_path / "outputs/latest_sweep/optuna.db")) as study:
        states = study.execute("select distinct state from trials").fetchall()
    assert {state for (state,) in states} == {"COMPLETE", "FAIL"}
    failed = said.stdout.count("FAILED: RuntimeError: unlucky")
    more = f"sweep.resume=latest hydra.sweeper.n_trials={5 + failed}"
    assert f"{more} makes as many trials more\n" in said.stderr
    again = run(*more.split(), cwd=tmp_path)
    assert len(SweepFolder.read(tmp_path / "outputs/latest_sweep").jobs) == 5 + failed, again.stderr


@pytest.mark.skipif(not find_spec("optuna"), reason="needs optuna")
def test_a_trial_of_a_value_that_cannot_work_is_one_that_fails(tmp_path: Path) -> None:
    """One that the check of an interval's lower end does not meet: 1 is the least momentum that is refused."""
    words = [*OPTUNA, "hydra.sweeper.n_trials=4", "optimizer.momentum=interval(0.0, 2.0)", *LINEAR]
    said = run(*words, cwd=tmp_path)
    assert said.returncode == 1
    sweep = SweepFolder.read(tmp_path / "outputs/latest_sweep")
    states = {sweep.state(job) for job in sweep.jobs if float(job.overrides["optimizer.momentum"]) < 1}
    refused = {sweep.state(job) for job in sweep.jobs if float(job.overrides["optimizer.momentum"]) >= 1}
    assert (len(sweep.jobs), states, refused) == (4, {"done"}, {"failed"})
    assert "must be a number from 0 up to, but not including, 1" in " ".join(said.stdout.split())


@pytest.mark.skipif(not find_spec("optuna"), reason="needs optuna")
@pytest.mark.parametrize("name", ["what?", "50%25", "a#b=c d"])
def test_a_study_is_in_the_folder_of_its_sweep(tmp_path: Path, name: str) -> None:
    """Whatever that is named."""
    words = [*OPTUNA, "hydra.sweeper.n_trials=1", "lr=0.1,0.01", *LINEAR, f"hydra.sweep.dir='{name}'"]
    said = run(*words, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with closing(sqlite3.connect(tmp_path / name / "optuna.db")) as study:
        assert study.execute("select state from trials").fetchall() == [("COMPLETE",)]


@pytest.mark.parametrize("sweeper", [[], OPTUNA])
def test_what_is_compared_is_what_the_jobs_monitor(tmp_path: Path, sweeper: list[str]) -> None:
    """Also where that is set in `params`, which the sweep's own config does not know."""
    if sweeper:
        pytest.importorskip("optuna")
    words = ["lr=0.1,0.01", "+hydra.sweeper.params.monitor=val/acc", *LINEAR, *sweeper]
    said = run(*words, *(["hydra.sweeper.n_trials=2"] if sweeper else []), cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    about = SweepFolder.read(folder := tmp_path / "outputs/latest_sweep").about
    assert (about["monitor"], about["mode"]) == ("val/acc", "max")
    if sweeper:
        with closing(sqlite3.connect(folder / "optuna.db")) as study:
            assert study.execute("select direction from study_directions").fetchall() == [("MAXIMIZE",)]
