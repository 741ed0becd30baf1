"""The command that is printed makes the run that was proven."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from initlab.cli.hydra_words import check_words
from initlab.composition import compose
from initlab.explaining.changed import changed
from initlab.explaining.command import command_with
from initlab.runs import Run
from initlab.shipped import CONFIGS
from initlab.sweeps import Job, SweepFolder

HOUSES = CONFIGS.parent / "docs/data/house_prices.csv"


def plain(*words: str) -> Any:
    return OmegaConf.to_container(compose(*words, run_dir="x"), resolve=True)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["init=normal", "init.sigma=1", "lr=3"], ["init=kaiming"]),
        (["init=normal", "lr=3", "hydra.run.dir=a b"], ["init=kaiming", "lr=0.1"]),
        (["optimizer=adam", "optimizer.weight_decay=1.0"], ["optimizer=sgd"]),
        (["scheduler=step", "scheduler.gamma=0.5"], ["scheduler=none"]),
        (["experiment=d2l_mlp"], ["optimizer=adam"]),
        (["experiment=he_2015", "model.depth=4"], ["lr=0.3"]),
        (["model=mlp_regression", "data=csv", f"data.path={HOUSES}", "data.target=Price"],
         ["data.drop=['NumRooms']"]),
        (["model.num_hiddens=[8,8,8,8]"], ["model.num_hiddens=[8,8]"]),
    ],
)  # fmt: skip
def test_pasted_it_composes_to_the_config_of_the_fork(typed: list[str], words: list[str], tmp_path: Path) -> None:
    config = plain(*(word for word in typed if not word.startswith("hydra.")))
    (tmp_path / "environment.json").write_text(json.dumps({"command": ["train.py", *typed]}))
    command = command_with(Run.lenient(tmp_path), config, words)
    assert subprocess.run(["bash", "-n"], input=command, text=True, check=False).returncode == 0
    assert shlex.split(command)[:2] == ["python", "scripts/train.py"]
    assert not any(word.startswith("hydra.run.dir") for word in shlex.split(command))
    assert plain(*shlex.split(command)[2:]) == changed(config, words)


@pytest.mark.parametrize("many", ["-m", "--multirun", "hydra.mode=MULTIRUN"])
def test_of_a_job_of_a_sweep_it_is_of_one_run(many: str, tmp_path: Path) -> None:
    """Without the words that the command line takes for a sweep alone."""
    about = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra/sweeper=grid", "hydra.sweeper.resume=true",
             "+hydra.sweeper.params={seed: 1}", "hydra.sweep.subdir=${hydra.job.num}",
             f"hydra.sweep.dir={tmp_path}"]  # fmt: skip
    sweep = SweepFolder(tmp_path / "sweep")
    record = {
        "command": [],
        "overrides": [],
        "axes": {"init": ["normal", "zeros"]},
        "monitor": "val/loss",
        "mode": "min",
    }
    sweep.begin(record, [Job(num, f"{num}", {"init": init}) for num, init in enumerate(("normal", "zeros"))])
    sweep.release()
    job = sweep.path / "1"
    job.mkdir()
    (job / "environment.json").write_text(
        json.dumps({"command": ["train.py", many, "init=normal,zeros", "lr=3", *about]})
    )
    said = shlex.split(command_with(Run.lenient(job), plain("lr=3", "init=zeros"), ["init=kaiming"]))
    assert said == ["python", "scripts/train.py", "lr=3", "init=kaiming"]
    check_words(said[2:])


def test_of_a_run_that_no_command_made_it_is_what_changes(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"command": ["ipykernel_launcher.py", "-f", "x"]}))
    assert (
        command_with(Run.lenient(tmp_path), {}, ["init=kaiming", "lr=0.1"]) == "compose(..., 'init=kaiming', 'lr=0.1')"
    )
