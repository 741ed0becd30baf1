"""A sweep removes, overwrites and shares nothing: what it did not make stays as it was, and what a person put into a
folder that it made is kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import children
import pytest
from omegaconf import OmegaConf
from test_sweeps import LINEAR, run

from initlab.errors import UserError
from initlab.sweeps import Job, SweepFolder
from initlab.sweeps.job import run_job

QUICK = [*LINEAR, "debug=fast"]
ABOUT: dict[str, Any] = {"command": [], "overrides": [], "axes": {"seed": ["1"]}, "monitor": "val/loss", "mode": "min"}


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file with its content, every link with its target, every folder."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink()
        else path.read_bytes() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*")) if path.name != "said"
    }  # fmt: skip


def refused(words: list[str], cwd: Path) -> str:
    """What `train.py -m <words>` prints: one sentence."""
    assert children.run(["-m", *words], cwd) == 2
    said = (cwd / "said").read_text()
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def a_run(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("config.yaml", "failed.json", "notes.txt"):
        (folder / name).write_text("{}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["hydra.sweep.subdir=../precious"], "must be a name"),
        (["hydra.sweep.subdir=x"], "jobs 0 and 1 would share this folder"),
        (["hydra.sweep.dir=earlier"], "not empty"),
        (["hydra.sweep.dir=sweep"], "already holds a sweep"),
        (["hydra.sweep.dir=."], "not empty"),
        (["hydra.sweep.dir=precious/notes.txt"], "File exists"),
        (["hydra/sweeper=basic", "hydra.sweep.dir=precious"], "no such sweeper (grid, optuna)"),
        (["hydra.output_subdir=../../precious"], "must be null"),
        (["callbacks.best.dirpath=shared"], "callbacks.best.dirpath=shared: the jobs of a sweep would share it"),
        (["logger.csv.save_dir=precious"], "logger.csv.save_dir=precious: the jobs of a sweep would share it"),
        (["seed=1,1"], "jobs 0 (seed=1) and 1 (seed=1) are the same run"),
        (["seed=1", "lr=0.1,0.10"], "are the same run"),
        (["seed=1,abc"], "seed=abc: must be a whole number"),
        (["seed=range(0)"], "seed=range(0): must hold at least one value"),
        (["seed=shuffle(range(0,1000000000))"], "end within 10000"),
        (["seed=range(0,100)", "data.seed=range(0,1000)"], "100000 jobs"),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=0"], "n_jobs=0: must be a whole number from 1"),
        (["hydra/launcher=slurm_local", "hydra.launcher.at_once=0"], "at_once=0: must be a whole number from 1"),
        (["trainer.devices=2"], "each job of a sweep uses one device"),
    ],
)
def test_a_refused_sweep_changes_nothing(tmp_path: Path, words: list[str], sentence: str) -> None:
    a_run(tmp_path / "precious")
    a_run(tmp_path / "earlier" / "0_seed-1")
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    before = tree(tmp_path)
    assert sentence in refused(["seed=1,2", "hydra.sweep.dir=new", *QUICK, *words], tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda record, sweep: record["jobs"][0].update(folder="../precious"),
        lambda record, sweep: record["jobs"][0].update(folder="mine"),
        lambda record, sweep: record.update(overrides=["seed=1,2", *QUICK, "hydra.sweep.subdir=../precious"]),
        lambda record, sweep: record["jobs"][0]["overrides"].update(seed="{_target_:os.mkdir,path:code}"),
        lambda record, sweep: record["overrides"].append("hydra.callbacks={x:{_target_:os.mkdir,path:code}}"),
        lambda record, sweep: record.update(id="another"),
        lambda record, sweep: link(sweep / "0_seed-1", (sweep / "0_seed-1").rename(sweep / "moved")),
        lambda record, sweep: link(sweep / "optuna.db", sweep.parent / "precious" / "notes.txt"),
        lambda record, sweep: link(sweep / "0_seed-1" / "job.json.part", sweep.parent / "precious" / "notes.txt"),
    ],
)  # fmt: skip
def test_a_received_sweep_changes_nothing_of_others(tmp_path: Path, change: Callable[[Any, Path], Any]) -> None:
    a_run(tmp_path / "precious")
    sweep = begun(tmp_path / "sweep")
    a_run(sweep.path / "mine")
    record = json.loads((sweep.path / "sweep.json").read_text())
    change(record, sweep.path)
    (sweep.path / "sweep.json").write_text(json.dumps(record))
    before = tree(tmp_path)
    refused([f"sweep.resume={sweep.path}"], tmp_path)
    assert tree(tmp_path) == before


def begun(path: Path) -> SweepFolder:
    """A sweep of two jobs, the first of which has failed."""
    sweep = SweepFolder(path)
    jobs = [Job(num, f"{num}_seed-{num + 1}", {"seed": str(num + 1)}) for num in range(2)]
    sweep.begin(ABOUT | {"overrides": ["seed=1,2", *QUICK]}, jobs)
    (path / "0_seed-1").mkdir()
    (path / "0_seed-1" / "job.json").write_text(json.dumps(sweep.mark(jobs[0])))
    (path / "0_seed-1" / "failed.json").write_text('{"error": "unlucky"}')
    sweep.release()
    return sweep


def link(at: Path, to: Path) -> None:
    """`to` is found first: it may move away from `at`."""
    at.symlink_to(to)


def test_a_job_json_that_a_kill_left_half_written_is_nobody_elses(tmp_path: Path) -> None:
    sweep = begun(tmp_path / "sweep")
    folder = sweep.path / "1_seed-2"
    folder.mkdir()
    (folder / "job.json.4711.part").write_text('{"swe')  # as `whole_file` names it
    again = SweepFolder.resume(sweep.path)
    again.release()
    assert run_job(OmegaConf.create({"run_dir": str(folder)}), folder, lambda cfg: 1.0, repr) == 1.0
    assert json.loads((folder / "job.json").read_text()) == sweep.mark(sweep.jobs[1])
    assert not (sweep.path / "earlier").exists()


@pytest.mark.slow
def test_what_was_put_into_a_failed_job_is_kept(tmp_path: Path) -> None:
    """Also where the folders have names of the person's own."""
    words = ["hydra.sweep.subdir=no_${hydra.job.num}", "hydra.sweep.dir='it\\'s here'"]
    assert run("seed=1,13", *LINEAR, *words, cwd=tmp_path).returncode == 1
    sweep = tmp_path / "it's here"
    job = sweep / "no_1"
    (job / "notes.txt").write_text("why?")
    for number in ("", "_2"):
        before = tree(job)
        assert run(f"sweep.resume={sweep.name}", cwd=tmp_path).returncode == 1
        assert tree(sweep / "earlier" / f"no_1{number}") == before
        assert "notes.txt" not in tree(job)


def test_a_job_leaves_a_folder_that_its_sweep_did_not_make(tmp_path: Path) -> None:
    """Also where Hydra's own sweeper, which keeps no record, has made it."""
    cfg = OmegaConf.create({"run_dir": str(tmp_path / "0")})
    a_run(tmp_path / "0")
    before = tree(tmp_path)
    with pytest.raises(UserError, match="there is no sweep in this folder"):
        run_job(cfg, tmp_path / "0", lambda cfg: 1.0, repr)
    assert tree(tmp_path) == before
    sweep = begun(tmp_path / "sweep")
    a_run(sweep.path / "1_seed-2")
    before = tree(tmp_path)
    with pytest.raises(UserError, match="this sweep did not make this folder"):
        run_job(cfg, sweep.path / "1_seed-2", lambda cfg: 1.0, repr)
    with pytest.raises(UserError, match="has no job of this folder"):
        run_job(cfg, sweep.path / "2", lambda cfg: 1.0, repr)
    assert tree(tmp_path) == before
