"""sweep.json may be damaged, or come from somebody else: one sentence, no code run, nothing written elsewhere."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from initlab.errors import UserError
from initlab.latest import point_latest_to
from initlab.shipped import CONFIGS
from initlab.sweeps.opened import open_sweep
from initlab.sweeps.record import read_record
from initlab.sweeps.resume import words_of_resume
from initlab.sweeps.trusted import WRITES, assignment, harmless

JOB = {"num": 0, "folder": "0_seed-1", "overrides": {"seed": "1"}}
RECORD = {
    "command": ["train.py"], "overrides": ["seed=1,2"], "axes": {"seed": ["1", "2"]}, "monitor": "val/loss",
    "mode": "min", "id": "a", "jobs": [JOB, JOB | {"num": 1, "folder": "1_seed-2", "overrides": {"seed": "2"}}],
}  # fmt: skip


def job(**changed: Any) -> dict[str, Any]:
    return RECORD | {"jobs": [JOB | changed]}


def two(**changed: Any) -> dict[str, Any]:
    return RECORD | {"jobs": [JOB, JOB | {"num": 1, "folder": "1"} | changed]}


def written(text: str | bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 10**12)  # a hole: it takes no space


@pytest.mark.parametrize(
    "content",
    [None, [], 3, "x", {}, {**RECORD, "jobs": None}, {**RECORD, "jobs": {}}, {**RECORD, "jobs": [None]},
     {**RECORD, "overrides": None}, {**RECORD, "overrides": [None]}, {**RECORD, "overrides": "seed=1"},
     {**RECORD, "axes": None}, {**RECORD, "axes": {"seed": None}}, {**RECORD, "axes": {"seed": [1]}},
     {**RECORD, "axes": {}}, {**RECORD, "monitor": None}, {**RECORD, "mode": None}, {**RECORD, "mode": "most"},
     {**RECORD, "id": 3}, job(num=None), job(num="0"), job(num=True), job(num=-1), job(num=0.5), job(folder=None),
     job(folder=3), job(overrides=None), job(overrides={"seed": 1}), job(overrides={}), job(more=1),
     job(folder="../precious"), job(folder="/tmp"), job(folder="a/b"), job(folder=""), job(folder="."),
     job(folder=".."), job(folder="a\x00b"), job(folder="a\nb"), job(folder="x" * 256), job(folder="sweep.csv"),
     job(folder="Optuna.DB"), two(num=0), two(folder="0_seed-1"), two(folder="0_SEED-1")],
)  # fmt: skip
def test_wrong_content_is_one_sentence(tmp_path: Path, content: Any) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps(RECORD))
    assert [one.num for one in read_record(tmp_path)[1]] == [0, 1]
    (tmp_path / "sweep.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"sweep\.json: cannot be read as the record of a sweep \(.+\)") as error:
        read_record(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "put",
    [written(""), written(json.dumps(RECORD)[:-9]), written(b"\xff\xfe"), written("[" * 100_000), written("9" * 5000),
     huge, Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)],
)  # fmt: skip
def test_what_is_no_record_is_one_sentence(tmp_path: Path, put: Callable[[Path], Any]) -> None:
    put(tmp_path / "sweep.json")
    with pytest.raises(UserError, match=r"sweep\.json: ") as error:
        read_record(tmp_path)
    assert "\n" not in str(error.value)


HARMLESS = [
    "lr=0.1,0.01", "seed=range(5)", "model=mlp", "init=kaiming,xavier", "init='kaiming','xavier'", "init=glob(*)",
    "experiment=xor", "experiment=null", "hydra/launcher=joblib", "hydra/launcher=basic", "hydra.launcher.n_jobs=2",
    "hydra.launcher.n_jobs=null", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=14", "hydra.sweeper.sampler=random",
    "lr=tag(log, interval(0.001, 1))", "hydra.sweep.subdir='${hydra.job.num}${run_name:${hydra.job.override_dirname}}'",
    "~callbacks.monitor", "data.path=/home/x/houses.csv", "trainer.max_time={minutes: 90}", "+trainer.foo=3",
    "model.num_hiddens=[3,4]", "monitor=val/acc", "trainer.max_time=00:01:30:00",
    "lr=0.1,${init.sigma}", "init_seed=${seed}", "model.width=4,${data.num_inputs}", "lr=${lr},'${init.sigma}'",
]  # fmt: skip
HARMFUL = [
    "hydra.sweep.subdir=../x",
    "+callbacks.x._target_=os.system", "callbacks.best._target_=pandas.read_pickle", "callbacks.x={_target_:os.system}",
    "lr=1,{_target_:os.system}", "optimizer={'_target_':torch.load}", "model=../../evil", "experiment=/tmp/x",
    "experiment=[xor,../x]", "model@hydra.x=mlp", "hydra/launcher=evil", "hydra=default", "hydra.run.dir=x",
    "hydra.sweep.dir=x", "hydra.callbacks.x._target_=os.system", "hydra.job_logging.x=1", "+hydra.x=1", "~hydra.x",
    "hydra.launcher.parameters={slurm_setup:[rm]}", "hydra.launcher._target_=x", "hydra.launcher.address=evil:1",
    "hydra.sweeper.params.lr=1", "hydra.mode=RUN", "hydra.searchpath=[file:///x]", "hydra.output_subdir=.",
    "hydra.sweep.subdir=${new_folder:/x}", "hydra.sweep.subdir=${oc.env:HOME}", "--experimental-rerun=x.pkl",
    "--config-dir=x", "-cd", "lr=1\nhydra.run.dir=x", "logger.tensorboard.name=../../x", "logger.tensorboard.name=/x",
    "logger.tensorboard.name='~/x'", "logger.tensorboard.name=x,../y", "logger.csv.save_dir=x", "data.root=/tmp",
    "callbacks.best.dirpath=x", "+trainer.default_root_dir=x", "run_dir=x", "resume=x", "lr=${oc.env:HOME}",
    "data.path=${new_folder:/x}", "",
    "lr=1,${oc.env:HOME}", "lr=${oc.create:${init}}", "lr=${.sigma}", "lr=${hydra:runtime.cwd}", "lr=${hydra.run.dir}",
    "logger.tensorboard.name=${data.path}", "logger.tensorboard.name=${lr}", "data.target=${data.path}",
    "lr=${logger.csv.save_dir}", "lr=${run_dir}", "lr=${callbacks}", "lr=${init}", "model.activation=${callbacks.best}",
    "lr=${init._target_}", "+trainer.x=${lr}", "+lr=${init.sigma}", "+a/b=1", "lr=${init[sigma]}", "lr=${${x}}",
    "init=${model}", "hydra.sweeper.n_trials=${lr}", "trainer.max_epochs=${data.root}", "callbacks.x=${init.sigma}",
    "=", "lr", "a b=1",
]  # fmt: skip


def test_which_overrides_are_taken_from_a_file() -> None:
    assert [word for word in HARMLESS if not harmless(word)] == []
    assert [word for word in HARMFUL if harmless(word)] == []


def test_every_shipped_place_to_write_is_known() -> None:
    for path in CONFIGS.rglob("*.yaml"):
        config: Any = OmegaConf.to_container(OmegaConf.load(path))
        places = {key for key, value in leaves(config) if "${run_dir}" in str(value) or key == "run_dir"}
        assert places <= WRITES, path


def leaves(node: Any, key: str = "") -> list[tuple[str, Any]]:
    inside = (
        node.items() if isinstance(node, dict) else ((key, item) for item in node) if isinstance(node, list) else ()
    )
    return [leaf for name, item in inside for leaf in leaves(item, str(name))] or [(key, node)]


@pytest.mark.parametrize(
    "key", ["logger.comet.offline_directory", "+logger.mlflow.tracking_uri", "+logger.comet.api_key"]
)
def test_a_received_sweep_sends_nothing_elsewhere(tmp_path: Path, key: str) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps(RECORD | {"overrides": ["seed=1,2", f"{key}=elsewhere"]}))
    with pytest.raises(UserError, match="could run code or write outside the sweep"):
        words_of_resume(["-m", f"sweep.resume={tmp_path}"])


def test_latest_is_the_newest_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("2026-01-01", "2026-01-02", "2026-01-03"):
        sweep = tmp_path / "outputs" / "sweeps" / name
        sweep.mkdir(parents=True)
        (sweep / "sweep.json").write_text(json.dumps(RECORD))
        point_latest_to(sweep / "job")
    for name in ("2026-01-03", "2026-01-02"):
        place = assignment("hydra.sweep.dir", f"{tmp_path}/outputs/sweeps/{name}")
        assert place in words_of_resume(["-m", "sweep.resume=latest"])
        assert open_sweep().path.name == name
        shutil.rmtree(tmp_path / "outputs" / "sweeps" / name)


def test_what_is_not_taken_is_typed_again(tmp_path: Path) -> None:
    mine = "logger.csv.save_dir=elsewhere"
    (tmp_path / "sweep.json").write_text(json.dumps(RECORD | {"overrides": ["seed=1,2", mine]}))
    resume = f"sweep.resume={tmp_path}"
    with pytest.raises(UserError, match=r"logger\.csv\.save_dir=elsewhere: could run code or write outside the sweep"):
        words_of_resume(["-m", resume])
    with pytest.raises(UserError, match="lr=1: a sweep that resumes has its own overrides"):
        words_of_resume(["-m", resume, mine, "lr=1"])
    words = words_of_resume(["-m", resume, mine, "hydra/launcher=joblib"])
    assert words[:4] == ["--multirun", "seed=1,2", mine, "hydra/launcher=joblib"]
